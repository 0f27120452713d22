"""Notary Project signatures (Notation): envelopes in JWS and COSE, trust stores, verification.

The specifications are those of https://github.com/notaryproject/specifications, directory `specs`;
steps cite its documents by name.
"""
