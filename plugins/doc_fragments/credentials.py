# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  registries:
    description:
      - Registries with their credentials. Exactly one source of credentials is given.
      - The same registry twice is an error unless both say the same.
    type: list
    elements: dict
    suboptions:
      registry:
        description:
          - Registry as C(host[:port][/path]), V(docker.io) for Docker Hub. A path limits the credential to the repositories
            below it.
          - Scheme and C(/v1/) or C(/v2/) are cut, the host is written in lower case, and every name of Docker Hub becomes
            V(https://index.docker.io/v1/), the one that docker, podman and the kubelet all understand.
        type: str
        required: true
      username:
        description: User name. It may not hold a colon.
        type: str
      password:
        description: Password or access token.
        type: str
      credential_helper:
        description:
          - Suffix of a C(docker-credential-*) program on the machine where the task runs, which is asked for user name and
            password. It speaks with the identity of whoever runs the task. It has 30 seconds to answer.
        type: str
      email:
        description: E-mail address, only kept in the document. No registry asks for it.
        type: str
      revision:
        description:
          - One word in plain text that says which version of the credential this is, such as a vault's version number. Kept as
            annotation C(pullpass.registry/revision).
        type: str
      endpoint:
        description:
          - Where to ask instead of at the registry's own name, as C(host[:port]); a mirror, or a private endpoint. Only for
            checks, and it then gets the credential.
        type: str
      ca_cert:
        description: Path of the CA certificates (PEM) for this registry, instead of O(registry_ca_cert).
        type: path
      validate_certs:
        description: Whether the certificate of this registry is verified, instead of O(registry_validate_certs).
        type: bool
      plain_http:
        description: Whether to ask this registry without TLS. Everybody on the way can then read the credential.
        type: bool
        default: false
  config:
    description:
      - A docker C(config.json), as a mapping or as JSON text.
      - An entry that the kubelet could not use (an identity token only, an empty entry, one that a credential helper keeps,
        an C(auth) that cannot be decoded) is an error that names it. An identity token for Azure becomes its user name and
        password.
    type: raw
  config_file:
    description:
      - Path of such a document, or of a containers C(auth.json), on the machine where the task runs.
      - A file that is encrypted with ansible-vault is told apart; a module cannot decrypt it.
      - Root reads a file that lies in a folder of somebody else, or behind a link, with the rights of that account.
    type: path
  config_registries:
    description: Registries to take from O(config) or O(config_file), by default all. One that is not in it is an error.
    type: list
    elements: str
  resolve_helpers:
    description:
      - Ask the programs that C(credHelpers) and C(credsStore) of O(config) or O(config_file) name, on the machine where the task
        runs. They speak with the identity of whoever runs the task, so use it for documents of your own only. Root runs no
        program that a O(config_file) of somebody else names, or one that others can write.
    type: bool
    default: false
"""
