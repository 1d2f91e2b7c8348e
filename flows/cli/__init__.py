"""The command line: it reads arguments, calls the steps and prints what they say."""
