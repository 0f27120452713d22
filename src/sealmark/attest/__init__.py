"""Claims turned into verified evidence: signatures, bundles, certificates, logs and time stamps.

A `Claim` is what somebody says (`bundle.parse_bundle`); `Verified` is what `verify.verify` made
sure of. Between them lie the numbered steps of `steps`. Everything here is pure: bytes and values
in, values out, `now` an argument, and no key is ever taken from a claim.
"""
