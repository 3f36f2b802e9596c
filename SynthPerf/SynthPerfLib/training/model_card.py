"""The model card of a bundle."""

from __future__ import annotations

from ..bundle import Bundle
from ..modality import MODALITIES


def model_card(bundle: Bundle) -> str:
    """Markdown text: what the model is, from what, for whom, how good, what it must not be used for."""
    about = bundle.metadata
    training, recipe = about["training"], about["recipe"]
    lines = [
        f"# {bundle.name}",
        "",
        f"{about['description']}. **{about['intended_use']}**",
        "",
        "## Inputs and output",
        "",
        "| | unit | needed |",
        "|---|---|---|",
    ]
    for name in bundle.modalities:
        modality = MODALITIES[name]
        needed = "optional, at least one" if bundle.any_subset else "yes"
        lines.append(f"| {modality.label} ({name}) | {modality.unit or 'any scale'} | {needed} |")
    lines += [
        f"| **{MODALITIES['CBV'].label}** (output) | {MODALITIES['CBV'].unit} | |",
        "",
        f"Axial slices, {recipe['in_plane_mm']} mm in plane, {recipe['thinnest_mm']}-{recipe['thickest_mm']} mm apart; "
        "other grids are resliced. Inside the brain mask only.",
        "",
        "## Training",
        "",
        f"{training['cases']} cases, {training['validation_cases']} held out for validation (by patient); "
        f"{recipe['steps']} steps of {recipe['batch']} slices, seed {recipe['seed']}.",
    ]
    if training["phantoms"]:
        lines += [
            "",
            "All cases are **simulated** (digital phantom). The model has seen no patient: it shows that the software "
            "works and must not be used to judge a patient's map.",
        ]
    lines += ["", "## Measured on the validation cases", "", "| | |", "|---|---|"]
    lines += [f"| {name.replace('_', ' ')} | {value} |" for name, value in about["eval_metrics"].items()]
    lines += ["", f"Weights: SHA-256 `{bundle.sha256}`.", ""]
    return "\n".join(lines)
