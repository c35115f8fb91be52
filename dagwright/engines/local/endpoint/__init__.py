"""What the scripts of a local run meet when they call AWS: S3 over the store, the caller's identity, the jobs of the
run; everything else from moto where it is installed, or refused with a sentence.

What comes in: requests of boto3 and its like, from jobs. What goes out: answers, and objects in the store.

door.py           the run's side: a socket that waits, the variables of the jobs, the start of the server
server.py         the server's process: whose request it is, and which of the following answers it
s3.py             S3's operations over the store: buckets.py, objects.py, parts.py and what these need
own.py            what the run knows itself: the caller's identity, its own jobs
others.py         every other service: moto, or a refusal in the form that the service's clients understand
sitecustomize.py  goes into the jobs, with dagwright_aws.py: leads clients here that AWS_ENDPOINT_URL does not reach
"""
