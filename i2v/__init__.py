"""The command line: the stack on this machine, the A2E simulator, the demo."""
