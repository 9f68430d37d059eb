# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  registry_ca_cert:
    description:
      - Path of the CA certificates (PEM) that the certificates of registries and their token servers must come from, on the
        machine where the task runs. By default those that the machine trusts.
    type: path
  registry_validate_certs:
    description:
      - Whether the TLS certificates of registries are verified. Switching it off gets a warning, since whoever answers then
        gets the credentials.
    type: bool
    default: true
  registry_timeout:
    description: Seconds for each request to a registry, as a whole.
    type: float
    default: 20
  realms:
    description:
      - Further hosts, a list of texts as C(host) or C(host:port), to which credentials may be sent for a token.
      - A registry names its token server itself, and nothing proves that it is right to do so. Without this option credentials
        go to the registry's own host and port, to port 443 of the same host, and to the token servers of Docker Hub and
        GitLab.com.
    type: raw
    default: []
  allow_addresses:
    description:
      - Addresses or networks, a list of texts such as V(10.0.0.0/8), that may be contacted, though they are loopback,
        link-local, multicast or belong to a cloud's metadata service.
      - Without this option a name that leads to such an address is not contacted. A registry that is itself given as an
        address, or as V(localhost), is.
      - Behind a proxy it is the proxy that looks names up; only a registry given as an address is checked then.
    type: raw
    default: []
notes:
  - Registries are asked through the proxies that the environment names (C(https_proxy), C(http_proxy), C(no_proxy)). Networks
    in C(no_proxy) count for registries that are named by their address.
"""

    VERIFY = r"""
options:
  verify:
    description:
      - Whether the registries are asked before anything is written. Where one of them rejects a credential, nothing is written
        at all.
      - With V(login) each credential is tested by a login.
      - With V(pull) it is tested with the O(images) that it is for, and must be allowed to pull them; credentials that no image
        belongs to are tested by a login.
    type: str
    choices: [none, login, pull]
    default: none
  images:
    description: Images for O(verify=pull), a list of texts.
    type: raw
    default: []
  verify_undecided:
    description:
      - What to do where a registry cannot verify a credential, because it is down, limits requests or accepts every login.
      - With V(fail) nothing is written.
      - With V(warn) a new entry is written, and one that replaces an unusable or expired entry. A Secret that holds a usable
        entry which would get another user or password, or would be dropped, is C(refused) and stays as it is.
      - With V(accept) everything is written.
    type: str
    choices: [fail, warn, accept]
    default: fail
"""

    UNVERIFIED = r"""
options:
  unverified:
    description:
      - Registries that an earlier task asked about these credentials, and that could not verify them.
      - O(verify_undecided) applies to them as if this task had asked. A registry that is not among the credentials leaves all
        of them unverified.
    type: list
    elements: dict
    default: []
    suboptions:
      registry:
        description: The registry, as in O(registries).
        type: str
        required: true
      reason:
        description: Why it could not verify them, as a sentence.
        type: str
        required: true
"""
