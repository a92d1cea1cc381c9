"""The version of fastbatch, which is also what requests and messages say of their library."""

VERSION = "0.1.0"
