"""The compiler: a pipeline's graph goes in, a state machine in Amazon States Language goes out (`machine.py`)."""
