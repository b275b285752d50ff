# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""What is linked into the file: its licences collected into a folder, and an SPDX bill of materials."""

from __future__ import annotations

import importlib
import json
import re
import shutil
import sys
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from toolchains.base import HERE, BuildError
from toolchains.fetch import sha256

FILE = HERE / "components.toml"


class Component:
    """One thing linked in: a table of components.toml with its version looked up in the trees of this build."""

    def __init__(
        self, key: str, table: Mapping[str, Any], trees: Mapping[str, Path], versions: Mapping[str, str]
    ) -> None:
        self.key = key
        self.name: str = table["name"]
        self.licence: str = table["licence"]
        self.tree = trees[table["tree"]]
        self.version = _version(table["version"], self.tree, versions)
        self.cpe: str | None = table["cpe"].replace("VERSION", self.version) if "cpe" in table else None
        self.purl: str = table["purl"].replace("VERSION", self.version)
        self._patterns: list[str] = table["files"]
        self._crates: str | None = table.get("crates")

    def licence_files(self) -> list[tuple[Path, str]]:
        """(file, name in the licence folder). A file that is not there is an error: the list has to be mended."""
        found: list[tuple[Path, str]] = []
        for pattern in self._patterns:
            files = sorted(self.tree.glob(pattern))
            if not files:
                raise BuildError(f"{FILE.name} [{self.key}]: no {pattern} in {self.tree}")
            found += [(file, file.name) for file in files]
        if self._crates:
            for file in sorted((self.tree / self._crates).glob("*/*LICENSE*")):
                found.append((file, f"{file.parent.name}/{file.name}"))
        return found


def _version(rule: str | list[str], tree: Path, versions: Mapping[str, str]) -> str:
    if isinstance(rule, str):
        return versions[rule]
    file, pattern = rule
    match = re.search(pattern, (tree / file).read_text(encoding="utf-8"))
    if match is None:
        raise BuildError(f"{FILE.name}: {pattern!r} is not in {tree / file}")
    return match[1]


def components(trees: Mapping[str, Path], versions: Mapping[str, str]) -> list[Component]:
    """All components. `trees`: folders by the names that components.toml uses; `versions`: pinned versions by name."""
    tables = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return [Component(key, table, trees, versions) for key, table in tables.items()]


def collect_licences(parts: list[Component], folder: Path) -> None:
    """Write every licence text to FOLDER/COMPONENT/, replacing what was there."""
    shutil.rmtree(folder, ignore_errors=True)
    for part in parts:
        for file, name in part.licence_files():
            (folder / part.key / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, folder / part.key / name)


def write_sbom(parts: list[Component], tools: Path, binary: Path, version: str, arch: str) -> Path:
    """Write BINARY.spdx.json beside the file, made by the SPDX library, and check it. Returns its path.

    The document's time is a fixed one: the same sources give the same document.
    """
    sys.path.insert(0, str(tools))
    try:
        model = importlib.import_module("spdx_tools.spdx.model")
        licensing = importlib.import_module("spdx_tools.common.spdx_licensing").spdx_licensing
        validate = importlib.import_module("spdx_tools.spdx.validation.document_validator").validate_full_spdx_document
        writer = importlib.import_module("spdx_tools.spdx.writer.json.json_writer")
    finally:
        sys.path.remove(str(tools))
    document = _document(model, licensing, parts, binary, version, arch)
    problems = validate(document)
    if problems:
        raise BuildError("the SBOM is not valid SPDX: " + "; ".join(p.validation_message for p in problems))
    out = binary.with_name(binary.name + ".spdx.json")
    writer.write_document_to_file(document, str(out), validate=False)
    text = json.dumps(json.loads(out.read_text(encoding="utf-8")), indent=2, sort_keys=True)
    out.write_text(text + "\n", encoding="utf-8")
    return out


def _document(model: Any, licensing: Any, parts: list[Component], binary: Path, version: str, arch: str) -> Any:
    digest = sha256(binary)
    agent = model.Package(
        spdx_id="SPDXRef-agent",
        name=binary.name,
        version=version,
        file_name=f"{arch}/{binary.name}",
        download_location=model.SpdxNoAssertion(),
        files_analyzed=False,
        checksums=[model.Checksum(model.ChecksumAlgorithm.SHA256, digest)],
        license_declared=licensing.parse("Apache-2.0"),
        primary_package_purpose=model.PackagePurpose.APPLICATION,
    )
    about = model.CreationInfo(
        spdx_version="SPDX-2.3",
        spdx_id="SPDXRef-DOCUMENT",
        name=f"{binary.name}-{version}-{arch}",
        document_namespace=f"urn:sha256:{digest}",
        creators=[model.Actor(model.ActorType.TOOL, "aws-iot-device-client-toolchains")],
        created=datetime(1970, 1, 1, tzinfo=UTC).replace(tzinfo=None),
    )
    kind = model.RelationshipType
    packages = [agent, *(_package(model, licensing, part) for part in parts)]
    relations = [model.Relationship("SPDXRef-DOCUMENT", kind.DESCRIBES, agent.spdx_id)]
    relations += [model.Relationship(agent.spdx_id, kind.STATIC_LINK, package.spdx_id) for package in packages[1:]]
    return model.Document(about, packages, relationships=relations, extracted_licensing_info=_extracted(model, parts))


def _package(model: Any, licensing: Any, part: Component) -> Any:
    category = model.ExternalPackageRefCategory
    references = [model.ExternalPackageRef(category.PACKAGE_MANAGER, "purl", part.purl)]
    if part.cpe:
        references.append(model.ExternalPackageRef(category.SECURITY, "cpe23Type", part.cpe))
    return model.Package(
        spdx_id=f"SPDXRef-{part.key}",
        name=part.name,
        version=part.version,
        download_location=model.SpdxNoAssertion(),
        files_analyzed=False,
        license_declared=licensing.parse(part.licence),
        external_references=references,
        primary_package_purpose=model.PackagePurpose.LIBRARY,
    )


def _extracted(model: Any, parts: list[Component]) -> list[Any]:
    """The texts of licences that SPDX has no name for."""
    found = []
    for part in parts:
        if part.licence.startswith("LicenseRef-"):
            text = "\n".join(file.read_text(encoding="utf-8") for file, _ in part.licence_files())
            found.append(
                model.ExtractedLicensingInfo(license_id=part.licence, extracted_text=text, license_name=part.name)
            )
    return found
