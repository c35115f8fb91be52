"""The programs that run inside a transform job: the service's part of it, and the process that holds the model.

What comes in: input objects, a model, a description of the job (`description`). What goes out: one output object for
each input object, or what failed. Python 3.8 and the standard library; only the default functions of a framework
(`frameworks`) import what its image holds. They are read here to be copied into jobs, and the paths of filters to be
checked before a run.
"""
