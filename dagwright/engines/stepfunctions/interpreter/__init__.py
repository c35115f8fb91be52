"""The interpreter: a state machine goes in and is executed in this process, on moto's parser (`running.py`)."""
