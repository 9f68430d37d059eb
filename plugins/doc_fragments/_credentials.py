# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  registries:
    description:
      - Registries and their credentials, a list of mappings. A task takes its credentials from exactly one source.
      - Two entries for the same registry are an error if they differ. Only M(pullpass.registry.image_access_info) accepts them.
      - C(registry) (string, required) is C(host[:port][/path]), or V(docker.io) for Docker Hub. A path limits the credential to
        the repositories below it. The host is converted to lower case. The scheme and a final C(/v1/) or C(/v2/) are removed.
        V(docker.io) and V(index.docker.io) become V(https://index.docker.io/v1/), the key that docker, podman and the kubelet
        understand.
      - C(username) (string) must not contain a colon.
      - C(password) (string) is the password or access token of C(username).
      - C(credential_helper) (string) replaces C(username) and C(password). It is the suffix of a C(docker-credential-*) program
        on the machine that runs the task. The program returns both values and has 30 seconds to answer. It uses the identity of
        the account that runs the task.
      - C(email) (string) is only stored in the document. Registries do not use it.
      - C(revision) (string or integer) is one word that identifies the version of the credential, for example the version
        number in a vault. It is stored in plain text in the annotation C(pullpass.registry/revision).
      - C(endpoint) (string) is the C(host[:port]) of a mirror or private endpoint. Checks send the credential there instead of
        to the registry.
      - C(ca_cert) (path) replaces O(registry_ca_cert) for this registry.
      - C(validate_certs) (boolean) replaces O(registry_validate_certs) for this registry.
      - C(plain_http) (boolean, default V(false)) makes checks contact this registry without TLS. Anyone on the network path can
        then read the credential.
      - A string accepts no other type, because YAML reads V(0123456) as 42798 and V(no) as false. Put such values in quotes.
        For a value from a template or from an INI inventory, use the filter C(string).
    type: raw
  config:
    description:
      - A docker C(config.json), as a mapping or as JSON text.
      - An entry that the kubelet cannot use is an error that names the entry. Such entries are an empty entry, an identity
        token without a password, an C(auth) that cannot be decoded, and (without O(resolve_helpers)) an entry in a credential
        helper. An Azure identity token is converted to a user name and a password.
    type: raw
  config_file:
    description:
      - Path (string) of a docker C(config.json) or a containers C(auth.json) on the machine that runs the task.
      - A file that is encrypted with ansible-vault is an error, because a module cannot decrypt it.
      - If root runs the task and another account owns the directory of the file, or a link to it, the file is read with the
        rights of that account.
    type: raw
  config_registries:
    description:
      - Registries to take from O(config) or O(config_file), a list of strings. By default all. A registry that the document
        does not contain is an error.
      - In M(pullpass.registry.pull_secret) this option also applies to C(from_secret).
    type: raw
  resolve_helpers:
    description:
      - Whether to run the programs that C(credHelpers) and C(credsStore) of O(config) or O(config_file) name, on the machine
        that runs the task. They use the identity of the account that runs the task. Enable this only for documents that you
        trust.
      - Root does not run a program that is named in a O(config_file) that another account owns or can write.
    type: bool
    default: false
"""
