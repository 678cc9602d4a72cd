"""Chemistry: molecules of GlobalChem's lists, class = list (a drug class, a kind of monomer, ...). Needs: rdkit.

The structures of every list that RDKit reads; one that stands in several lists is left out, as it would belong to
several classes. Lists of 8 or more, at most 120 of one. Features: Morgan fingerprints of radius 2 (logarithms of 2,048
counts), PCA 128.
"""

import ast

import numpy as np
from common import SEED, Kind, keep_classes, pca, pypi
from rdkit import Chem, RDLogger
from rdkit.Chem import rdFingerprintGenerator


def strings(tree: ast.AST) -> list[str]:
    """The values of the dictionary {name: SMILES} that a list's module holds, read without running it."""
    return [
        value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Dict)
        for value in node.values
        if isinstance(value, ast.Constant) and isinstance(value.value, str)
    ]


def build() -> Kind:
    RDLogger.DisableLog("rdApp.*")
    rng = np.random.default_rng(SEED)
    folder, source = pypi("global-chem", "1.10.0")
    lists: dict[str, set[str]] = {}
    for path in sorted(folder.glob("*/global_chem/*/**/*.py")):
        for text in strings(ast.parse(path.read_text(encoding="utf8"))):
            molecule = Chem.MolFromSmiles(text)
            if molecule is not None and molecule.GetNumAtoms() >= 4:
                lists.setdefault(str(path.relative_to(folder)), set()).add(Chem.MolToSmiles(molecule))
    of: dict[str, list[str]] = {}
    for name, found in lists.items():
        for smiles in found:
            of.setdefault(smiles, []).append(name)
    items = sorted((smiles, names[0]) for smiles, names in of.items() if len(names) == 1)
    rows = keep_classes([name for _, name in items], 8, 120, rng)
    make = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    x = np.array([make.GetCountFingerprintAsNumPy(Chem.MolFromSmiles(items[i][0])) for i in rows], np.float32)
    return Kind(
        pca(np.log1p(x), 128),
        [items[i][1] for i in rows],
        "molecules",
        source,
        "MPL-2.0",
        "Morgan count fingerprints, PCA 128",
        "some lists gather what is used alike, not what is built alike",
    )
