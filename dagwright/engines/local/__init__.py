"""Runs a pipeline definition on this machine, without Docker, AWS or a server.

What comes in: a `Graph`, parameter values, the project's settings. What goes out: an execution in `.dagwright/`: its
record in SQLite, its objects under `s3/<bucket>/<key>`, its logs. In the order of the data:

    check         what this engine cannot run, said before anything runs
    engine        which step is next; side by side where nothing forbids it
    steps         one function per step type
    processing    a CreateProcessingJob request, and training  a CreateTrainingJob request
    job           what both become: a job as the runner needs it
    job_run       runs it: staging  puts its files in place, publishing  takes what it wrote
    metrics       reads the numbers out of its logs, through the small program  metric_reader
    launcher      starts processes, through the small program  sandbox
    environments  which interpreter an image gets
    spark         what a job needs that submits a Spark application, with the program  smspark_submit
    store         S3 as a folder tree
    database      executions, steps, jobs, metrics, models
"""
