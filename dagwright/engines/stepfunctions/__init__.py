"""The Step Functions engine. `compiler/` makes a pipeline a state machine, `interpreter/` executes one here, and the
files beside them deploy, start and follow machines on AWS."""
