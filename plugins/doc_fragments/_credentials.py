# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  registries:
    description:
      - Registries with their credentials, a list of mappings. Exactly one source of credentials is given.
      - The same registry twice is an error unless both say the same.
      - C(registry) (text, required) is the registry as C(host[:port][/path]), V(docker.io) for Docker Hub. A path limits the
        credential to the repositories below it. Scheme and C(/v1/) or C(/v2/) are cut and the host is written in lower case.
        V(docker.io) and V(index.docker.io) become V(https://index.docker.io/v1/), the key that docker, podman and the kubelet
        all understand.
      - C(username) (text) is the user name. It may not hold a colon.
      - C(password) (text) is the password or access token, and goes with C(username).
      - C(credential_helper) (text) stands instead of C(username) and C(password). It is the suffix of a C(docker-credential-*)
        program on the machine where the task runs, which is asked for both, and has 30 seconds to answer. It speaks with the
        identity of whoever runs the task.
      - C(email) (text) is an e-mail address, only kept in the document. No registry asks for it.
      - C(revision) (text or integer) is one word in plain text that says which version of the credential this is, such as a
        vault's version number. Kept as annotation C(pullpass.registry/revision).
      - C(endpoint) (text) is where to ask instead of at the registry's own name, as C(host[:port]); a mirror, or a private
        endpoint. Only for checks, and it then gets the credential.
      - C(ca_cert) (path) is the path of the CA certificates (PEM) for this registry, instead of O(registry_ca_cert).
      - C(validate_certs) (boolean) says whether the certificate of this registry is verified, instead of
        O(registry_validate_certs).
      - C(plain_http) (boolean, by default V(false)) says whether to ask this registry without TLS. Everybody on the way can then
        read the credential.
      - Text is text. A number, a boolean or a mapping is an error, since YAML reads V(0123456) as 42798 and V(no) as false.
        Write such a value in quotes; for a value from a template or an INI inventory use the filter C(string).
    type: raw
  config:
    description:
      - A docker C(config.json), as a mapping or as JSON text.
      - An entry that the kubelet could not use (an identity token only, an empty entry, one that a credential helper keeps,
        an C(auth) that cannot be decoded) is an error that names it. An identity token for Azure becomes its user name and
        password.
    type: raw
  config_file:
    description:
      - Path (a text) of such a document, or of a containers C(auth.json), on the machine where the task runs.
      - A file that is encrypted with ansible-vault is told apart; a module cannot decrypt it.
      - Root reads a file that lies in a folder of somebody else, or behind a link, with the rights of that account.
    type: raw
  config_registries:
    description:
      - Registries to take from O(config) or O(config_file), a list of texts. By default all. One that is not in it is an error.
      - M(pullpass.registry.pull_secret) takes it for C(from_secret), too.
    type: raw
  resolve_helpers:
    description:
      - Ask the programs that C(credHelpers) and C(credsStore) of O(config) or O(config_file) name, on the machine where the task
        runs. They speak with the identity of whoever runs the task, so use it for documents of your own only. Root runs no
        program that a O(config_file) of somebody else names, or one that others can write.
    type: bool
    default: false
"""
