"""Starts one of the two programs of a transform job; it lies beside their package, as `/opt/ml/.dagwright/__main__.py`.

python /opt/ml/.dagwright ROOT                            the job's own: `objects`
python /opt/ml/.dagwright ROOT NUMBER READING WRITING     the process of a model: `model_host`
"""

from __future__ import annotations

import sys

if __name__ == "__main__":
    if len(sys.argv) == 2:
        from dagwright.engines.local.serving import objects

        sys.exit(objects.main(sys.argv[1]))
    from dagwright.engines.local.serving import model_host

    model_host.main(sys.argv[1], *map(int, sys.argv[2:]))
