# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The steps of the demo, each said before it is done."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

from .cluster_view import GLOB, NAMESPACES, SECRET, ClusterView, requests_in
from .ground import DemoError, Ground

STUCK = ("ErrImagePull", "ImagePullBackOff")
PLAYBOOK = "pullpass.registry.rollout"
_QUIETLY = ("-e", "cluster_pull_access_canary_image=")


def narrate(ground: Ground) -> None:
    """From Pods that cannot pull to Pods that run. Raises DemoError where it does not come out so."""
    view = ClusterView.of(ground)
    say(
        "Three teams",
        f"Namespaces {', '.join(NAMESPACES)} on {ground.kubeconfig}. Nothing in them knows the registry {ground.registry}.",
    )
    view.make_namespaces()
    if ground.image:
        _show_failing(view, ground.image)
    else:
        print(f"No Pods are made, because {ground.no_pods}. The Secret and its link are read back instead.")

    inventory, variables = _write_files(ground)
    _show_wrong_password(ground, inventory, variables)
    say(
        "The rollout",
        f"The cluster is a host in {inventory}, and the credential in a file of variables beside it, as from a vault. The "
        f"playbook asks the registry whether the credential is good, writes Secret {SECRET} into each of these namespaces and "
        "names it on each default ServiceAccount. Pods whose Secret was missing start by themselves; those that were made before "
        "their ServiceAccount was linked never would, and are evicted. In the end a Pod in each namespace proves that the image "
        "can be pulled.",
    )
    _play(inventory, variables)
    for namespace in NAMESPACES:
        print(f"{namespace}: {SECRET} holds {view.registries(namespace)}; default uses {view.pull_secrets(namespace)}")
    if ground.image:
        view.wait_for_pods(("Running",), 180)
        _show_pods(view)

    say(
        "The same again",
        "A second run compares, finds nothing to do and writes nothing. (The Pods that prove it are left out here.)",
    )
    start = ground.audit_log.stat().st_size if ground.audit_log else 0
    output = _play(inventory, variables, *_QUIETLY)
    if "changed=0" not in output:
        raise DemoError("the second run changed something; it should not have")
    if ground.audit_log:
        requests, writes = requests_in(ground.audit_log, start)
        print(f"The API server's own audit log counts {requests} requests of that run, {writes} of them writes.")
    _what_next(ground, inventory, variables)


def say(title: str, text: str) -> None:
    print(f"\n== {title}\n{textwrap.fill(text, 110, break_on_hyphens=False)}", flush=True)


def _show_failing(view: ClusterView, image: str) -> None:
    say(
        "Pods that cannot pull",
        f"The image {image} is private. The Pod in {NAMESPACES[0]} names Secret {SECRET}, which is not there; those in "
        f"{NAMESPACES[1]} and {NAMESPACES[2]} name none and lean on their ServiceAccount, which has none either.",
    )
    view.make_pods(image)
    view.wait_for_pods((*STUCK, "Running"), 120)
    _show_pods(view)
    if "Running" in view.pods().values():
        raise DemoError(f"a Pod runs without a credential: {image} is not private, or the node has its own. Name another IMAGE.")


def _show_wrong_password(ground: Ground, inventory: Path, variables: Path) -> None:
    say(
        "A wrong password",
        "The registry is asked once, before any cluster is touched. It says no, and that is the end of it. Nothing is written, "
        "and the account is not locked by one more attempt for each cluster.",
    )
    wrong = json.dumps({"pullpass_registries": [ground.credential("not the password")]})
    # Check mode and verify_undecided keep the cluster as it is, whatever the registry answers.
    never_write = ("--check", "-e", "cluster_pull_access_verify_undecided=fail")
    command = _command(inventory, variables, *_QUIETLY, *never_write, "-e", wrong)
    output = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    lines = [line.strip(' ",') for line in output.stdout.splitlines() if "demo:  " in line]
    if not output.returncode or not lines:
        raise DemoError(f"a wrong password did not stop the rollout. The playbook printed:\n{output.stdout}{output.stderr}")
    summary = "\n".join(textwrap.fill(line, 110, initial_indent="  ", subsequent_indent="    ") for line in lines)
    if not any(" rejected" in line for line in lines):
        raise DemoError(
            f"the registry {ground.registry} did not say that the password is wrong:\n{summary}\nFor a registry without TLS set "
            "REGISTRY_PLAIN_HTTP=1, for a CA of your own REGISTRY_CA. Nothing was written to the cluster in this step."
        )
    print(summary)


def _show_pods(view: ClusterView) -> None:
    for (namespace, name), state in sorted(view.pods().items()):
        print(f"  {namespace:<12} {name:<24} {state}")


def _write_files(ground: Ground) -> tuple[Path, Path]:
    """An inventory as a site would have it, and the secret beside it as a vault would give it (0600)."""
    inventory, variables = ground.folder / "inventory.json", ground.folder / "registries.json"
    host: dict[str, Any] = {
        "cluster_pull_access_kubeconfig": ground.kubeconfig,
        "cluster_pull_access_namespaces": list(NAMESPACES) if ground.own else [GLOB],
    }
    if ground.ca:
        host["cluster_pull_access_registry_ca_cert"] = ground.ca
    if ground.image:
        host["cluster_pull_access_recover_pods"] = "evict"
        host["cluster_pull_access_canary_image"] = ground.image
    if ground.context:
        host["cluster_pull_access_context"] = ground.context
    inventory.write_text(json.dumps({"clusters": {"hosts": {"demo": host}}}, indent=2) + "\n")
    variables.touch(mode=0o600)
    variables.write_text(json.dumps({"pullpass_registries": [ground.credential(ground.password)]}) + "\n")
    return inventory, variables


def _command(inventory: Path, variables: Path, *more: str) -> list[str]:
    program = Path(sys.executable).with_name("ansible-playbook")
    return [str(program), PLAYBOOK, "-i", str(inventory), "-e", f"@{variables}", *more]


def _play(inventory: Path, variables: Path, *more: str) -> str:
    command = _command(inventory, variables, *more)
    print(f"$ {' '.join(command)}", flush=True)
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    lines = []
    for line in process.stdout or ():
        print(f"  {line}", end="", flush=True)
        lines.append(line)
    if process.wait():
        raise DemoError(f"the playbook ended with {process.returncode}: what it says is above")
    return "".join(lines)


def _what_next(ground: Ground, inventory: Path, variables: Path) -> None:
    collections = Path(__file__).parents[2] / ".build"
    play = " ".join(_command(inventory, variables))
    kubectl = ground.folder.parent / "bin" / "kubectl"
    say("What to try next", "Everything is left running. Copy and paste:")
    lines = [
        f"export KUBECONFIG={ground.kubeconfig} ANSIBLE_COLLECTIONS_PATH={collections}",
        f"{kubectl if kubectl.exists() else 'kubectl'} get secrets,serviceaccounts,pods -A",
        f"{play} --check --diff -e cluster_pull_access_secret_name=another   # what would happen",
        f"{play} -e pullpass_state=absent   # unlink and remove",
    ]
    if not ground.own:
        lines.append(f"{play} -e cluster_pull_access_namespaces='[\"*\"]'   # every namespace but the system's")
    lines.append("make demo-down   # end it all" + (", with the same variables" if ground.own else ""))
    print("\n".join(f"  {line}" for line in lines))
