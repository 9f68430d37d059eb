# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  registries:
    description:
      - Registries with their credentials. Exactly one of O(registries) and O(config_file) is given.
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
        required: true
      password:
        description: Password or access token.
        type: str
        required: true
      email:
        description: E-mail address, only kept in the document. No registry asks for it.
        type: str
  config_file:
    description:
      - Path of a docker C(config.json) or a containers C(auth.json) on the machine where the task runs.
      - An entry that the kubelet could not use (an identity token only, an empty entry, one that a credential helper keeps,
        an C(auth) that cannot be decoded) is an error that names it.
      - A file that is encrypted with ansible-vault is told apart; a module cannot decrypt it.
    type: path
  config_registries:
    description: Registries to take from O(config_file), by default all. One that is not in it is an error.
    type: list
    elements: str
"""
