"""Runs a pipeline definition on this machine, without AWS or a server, and without Docker unless asked.

What comes in: a `Graph`, parameter values, the project's settings. What goes out: an execution in `.dagwright/`: its
record in SQLite, its objects under `s3/<bucket>/<key>`, its logs. In the order of the data:

    check         what this engine cannot run, said before anything runs
    engine        begins a run, or lets an execution go on, as it was begun; launching  what starts its jobs
    reuse         which steps need not run, as there are results of them
    run           which step is next; side by side where nothing forbids it; recording  keeps what happens
    attempts      which step starts again after it failed; failures  lets some fail on purpose
    steps         one function per step type
    processing    a CreateProcessingJob request, and training  a CreateTrainingJob request
    job           what both become: a job as the runner needs it
    job_run       runs it: staging  puts its files in place, publishing  takes what it wrote
    publication   makes objects appear together, or not at all; completes or discards what killed runs left
    archives      unpacks the code that a job brings packed
    sources       the objects of an input; streams, feeder  those in Pipe mode, through FIFOs
    uploading     outputs that are published while their job runs
    interruption  of a training on Spot instances, on purpose; checkpoints, phases, time_limits  what it goes on with
    metrics       reads the numbers out of its logs, through the small program  metric_reader
    launcher      starts processes, through the small program  sandbox; containers  starts Docker's instead
    environments  which interpreter an image gets, or by dockerfile  which program, and
                  by image_content, build_context  which files, as an image_layer
    interpreters  the Pythons of this machine; image_libraries  what AWS's images hold, as environments that are  pinned
    version_gap   says of a failed job that a library has another version here than in its image
    spark         what a job needs that submits a Spark application, with the program  smspark_submit
    cache         an earlier result instead of a step that would give the same, found by its  cache_key  with the
                  digests  of its inputs; cache_forecast  says before a run what will be taken
    home          the folder; who is at work in it; what killed runs left. cleaning  frees space behind a  gate
    limits        of memory and processors, by confinement: control_groups or the supervisor's memory_watch
    executions    what the record has; jobs  the jobs of all runs; single_job  a step by itself
    store         S3 as a folder tree
    database      executions, steps, jobs, metrics, models
"""
