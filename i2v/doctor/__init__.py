"""`i2v doctor`: examines a deployed stack and says what is wrong and what to do about it.

One module for each group of checks; a check is a function that yields findings, and its name and
first line of documentation are what people read. `checks` lists them all.
"""
