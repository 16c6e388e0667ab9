"""The benchmark: calls through a gateway and through an Asterisk that does the same job, on this machine.

`python -m tests.bench` measures and prints. It needs loopback addresses, SIPp and a Debian archive; no root.
"""
