"""Registries: the only sockets of the package (design 2, rule 2).

Nothing on the lower floors and nothing that verifies may import this folder.

    options.py      how to connect: TLS, timeouts, retries
    errors.py       what can go wrong on the way
    url.py          origins, and where a server's Location may lead
    session.py      connections: requests' adapters, no session of it
    from_oras.py    a registry object of oras-py as our transport; the one module that imports oras
    http.py         one request: errors mapped, bounded retries
    challenge.py    WWW-Authenticate
    credentials.py  docker's and containers' configuration, credential helpers
    auth.py         Authorization for a request: basic, bearer tokens, their cache
    login.py        `airgap login` and `logout`
    client.py       requests to one registry: http + auth + redirects
    wire.py         what registries put into headers and bodies, parsed
    download.py     a blob as a stream: verified, resumed
    upload.py       a blob to a registry: mount, monolithic, chunked
    manifests.py    manifests: read proven, put as they are
    referrers.py    referrers: API, tag schema, cosign's tags
    referrers_tags.py  the referrers tag kept up to date on push
    evidence.py     CRLs and OCSP responses from where certificates say they are
    outline.py      a repository's manifests and signatures, held in memory as a layout
    registry.py     RegistryStore: all of it for one repository
    endpoint.py     a repository as source and sink of a copy
"""
