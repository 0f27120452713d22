"""What is known: facts as frozen values, in the names of `evidence/v1`.

The same names stand in JSON, in the published schema and, later, in policies. Fields are only
ever added, never renamed or removed.
"""
