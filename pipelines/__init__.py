"""Which steps, in what order, under what condition. A project comes in, a pipeline goes out.

One file per pipeline, with one function `build(project) -> Pipeline`; a pipeline is named after its file, with - for _.
"""
