"""Registries: the only sockets of the package (RULE-2).

Nothing on the lower floors and nothing that verifies may import this folder.

How a blob gets from a copy to the wire, in three steps:

    sink.py         a repository as the destination of a copy; upload.py has what an upload asks of it: HEAD, mount,
                    one piece, or chunks
    client.py       requests to its registry: authorization, redirects, refusals, pages of lists
    http.py         one request over our own connections: errors as sentences, bounded retries

Beside them:

    registries.py   a client for each registry of a run
    source.py       a repository as the source of a copy
    download.py     a blob as a stream: its size checked, resumed
    manifests.py    manifests: read with their digest checked, put unchanged
    referrers.py    referrers: API, tag schema, cosign's tags
    referrers_tags.py  the referrers tag kept up to date on push
    wire.py         what registries put into headers and bodies, parsed
    auth.py         Authorization for a request: basic, bearer tokens, their cache
    credentials.py  docker's and containers' configuration, credential helpers
    kept_credentials.py  for which registries there are any, without these
    login.py        `airgap login` and `logout`
    connections.py  connections and TLS contexts: requests' adapters, no session of it
    diagnosis.py    what these libraries raise, as a cause and a sentence
    url.py          origins, and where a server's Location may lead
    options.py      how to connect: TLS, timeouts, retries
    deadline.py     how long the network is waited for
    transport_errors.py  what can go wrong on the way
    registry_place.py  an artifact in a registry to which signatures and evidence are attached
    attach_places.py  opens the artifact that a reference names, to attach something to it
    artifacts.py    opens what a reference names to be read: a layout, or an artifact in a registry
    names.py        lists of names: the tags of a repository, the repositories of a registry
    fetched_store.py  an artifact's manifests and referrers, held in memory as a layout
    evidence.py     CRLs and OCSP responses from the URLs in certificates
    tsa.py          a timestamping authority over HTTP
    from_oras.py    a registry object of oras-py as our transport; the one module that imports oras
"""
