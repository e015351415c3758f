import numpy as np
import pytest
import torch
from torch import nn
from torch.optim.optimizer import register_optimizer_step_pre_hook

from medlib.errors import DataError, UsageError
from medlib.models.beat_network import BeatNetwork
from medlib.training import fastest_precision, fit, predict, seed_all, shuffled_batches


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


@pytest.fixture
def learning_rates():
    """Learning rate of each step that any optimizer takes."""
    rates = []
    hook = register_optimizer_step_pre_hook(lambda optimizer, *_: rates.append(optimizer.param_groups[0]["lr"]))
    yield rates
    hook.remove()


def squared_error(network, x, y):
    return nn.functional.mse_loss(network(x), y)


def cross_entropy(network, waveform, features, label):
    return nn.functional.cross_entropy(network(waveform, features), label)


def linear_problem(n=256):
    x = torch.randn(n, 3)
    return x, x @ torch.tensor([[2.0], [-1.0], [0.5]]) + 4


def fit_linear(network=None, *, epochs=4, learning_rate=0.1, **options):
    network = network or nn.Linear(3, 1)
    batches = shuffled_batches(*linear_problem(), batch_size=32, seed=0)
    return network, fit(network, batches, squared_error, epochs=epochs, learning_rate=learning_rate, **options)


def random_beats(n=64, n_features=5):
    rng = np.random.default_rng(0)
    waveform, features = rng.normal(size=(n, 4, 144)), rng.normal(size=(n, n_features))
    return waveform.astype("float32"), features.astype("float32"), rng.integers(4, size=n)


# --- batches


def test_each_example_comes_once_an_epoch_in_a_new_order():
    batches = shuffled_batches(np.arange(12), batch_size=4, seed=0)
    first, second = ([batch.tolist() for (batch,) in batches] for _ in range(2))
    assert len(batches) == 3
    assert sorted(sum(first, [])) == sorted(sum(second, [])) == list(range(12))
    assert first != second and sum(first, []) != list(range(12))


def test_incomplete_batch_is_left_out():
    assert [len(batch) for (batch,) in shuffled_batches(np.arange(11), batch_size=4, seed=0)] == [4, 4]


def test_seed_decides_the_orders():
    def orders(seed):
        batches = shuffled_batches(np.arange(32), batch_size=8, seed=seed)
        return [batch.tolist() for _ in range(2) for (batch,) in batches]

    assert orders(3) == orders(3) != orders(4)


def test_arrays_stay_together():
    for number, double in shuffled_batches(np.arange(32), 2.0 * torch.arange(32), batch_size=8, seed=0):
        torch.testing.assert_close(2.0 * number, double, check_dtype=False)


@pytest.mark.parametrize("batch_size", [-1, 0, 11])
def test_impossible_batch_size_is_refused(batch_size):
    with pytest.raises(UsageError, match=f"^batch_size is {batch_size}; with 10 examples it can be 1 to 10"):
        shuffled_batches(np.arange(10), batch_size=batch_size, seed=0)


# --- training


def test_linear_problem_is_solved():
    line, losses = fit_linear(epochs=60, learning_rate=0.2, weight_decay=0)
    np.testing.assert_allclose(line.weight.detach(), [[2, -1, 0.5]], atol=1e-3)
    assert line.bias.item() == pytest.approx(4, abs=1e-3)
    assert len(losses) == 60 and losses[0] > 1 and losses[-1] < 1e-5


def test_beats_are_learned_by_heart():
    waveform, features, label = random_beats(n_features=0)
    network = BeatNetwork(4, 4, dropout=0)
    batches = shuffled_batches(waveform, features, label, batch_size=32, seed=0)
    fit(network, batches, cross_entropy, epochs=40, learning_rate=0.01)
    np.testing.assert_array_equal(predict(network, waveform, features).argmax(axis=1), label)


def test_same_seed_gives_the_same_network_to_the_bit():
    def trained(seed):
        seed_all(seed)
        network = BeatNetwork(4, 4, 5)
        batches = shuffled_batches(*random_beats(), batch_size=16, seed=seed)
        losses = fit(network, batches, cross_entropy, epochs=2, learning_rate=0.01)
        return losses, [parameter.tolist() for parameter in network.state_dict().values()]

    first = trained(0)
    assert trained(0) == first
    assert trained(1)[0] != first[0]


def test_loss_is_the_mean_of_each_epoch():
    values = iter([1.0, 2.0, 6.0, 10.0])

    def known_loss(network, x, y):
        return next(values) + 0 * network(x).sum()

    batches = shuffled_batches(*linear_problem(64), batch_size=32, seed=0)
    assert fit(nn.Linear(3, 1), batches, known_loss, epochs=2, learning_rate=0.1) == [1.5, 8.0]


def test_learning_rate_rises_and_falls_once(learning_rates):
    fit_linear(epochs=5, learning_rate=0.1)
    assert len(learning_rates) == 40
    peak = int(np.argmax(learning_rates))
    assert learning_rates[peak] == pytest.approx(0.1, rel=0.01) and 5 < peak < 20
    assert np.all(np.diff(learning_rates[: peak + 1]) > 0) and np.all(np.diff(learning_rates[peak:]) < 0)
    assert learning_rates[0] == pytest.approx(0.1 / 25) and learning_rates[-1] < 0.001


def test_weights_without_gradient_decay_by_the_learning_rate(learning_rates):
    network = nn.Linear(3, 1)
    start = network.weight.detach().clone()
    batches = shuffled_batches(*linear_problem(), batch_size=32, seed=0)

    def train(weight_decay):
        options = dict(epochs=2, learning_rate=0.1, weight_decay=weight_decay)
        fit(network, batches, lambda network, x, y: 0 * network(x).sum(), **options)

    train(0)
    assert torch.equal(network.weight, start)
    learning_rates.clear()
    train(0.5)
    torch.testing.assert_close(network.weight.detach(), start * np.prod(1 - 0.5 * np.array(learning_rates)))


def test_network_is_trained_in_training_mode_and_left_in_evaluation_mode():
    modes = []
    network = nn.Linear(3, 1).eval()
    network.register_forward_hook(lambda module, *_: modes.append(module.training))
    fit_linear(network)
    assert modes == [True] * 32 and not network.training


def test_mixed_precision_computes_in_bfloat16_and_keeps_weights_in_float32():
    seen = set()
    network = nn.Linear(3, 1)
    network.register_forward_hook(lambda module, inputs, output: seen.add((module.weight.dtype, output.dtype)))
    _, losses = fit_linear(network, epochs=20, precision="bf16-mixed")
    assert seen == {(torch.float32, torch.bfloat16)}
    assert losses[-1] < 0.05 * losses[0]


def test_training_that_diverges_is_stopped():
    with pytest.raises(UsageError, match=r"^The loss is (inf|nan) in epoch 1; lower learning_rate \(1e\+30\)"):
        fit_linear(learning_rate=1e30)


@pytest.mark.parametrize(("epochs", "n_batches"), [(0, 2), (3, 0)])
def test_nothing_to_train_on_is_refused(epochs, n_batches):
    batches = [linear_problem(8)] * n_batches
    with pytest.raises(UsageError, match=f"^{epochs} epochs of {n_batches} batches are nothing to train on"):
        fit(nn.Linear(3, 1), batches, squared_error, epochs=epochs, learning_rate=0.1)


# --- validation and checkpoints


def weight_after(validations, **options):
    """Train on with a gradient of one, where plain epochs lower the weight each time; validation says what it is told.

    Gives the weight after each epoch and the one at the end.
    """
    network, weights, told = nn.Linear(1, 1, bias=False), [], iter(validations)

    def validation(network):
        weights.append(network.weight.item())
        return next(told)

    batches = shuffled_batches(torch.ones(8, 1), torch.ones(8, 1), batch_size=4, seed=0)
    losses = fit(network, batches, lambda network, x, y: network(x).mean(), epochs=len(validations),
                 learning_rate=0.1, validation=validation, **options)  # fmt: skip
    return losses, weights, network.weight.item()


def test_network_ends_with_the_weights_of_the_best_epoch():
    losses, weights, final = weight_after([3.0, 1.0, 2.0, 2.0])
    assert len(set(weights)) == 4 == len(losses) and final == weights[1]


@pytest.mark.parametrize(
    ("validations", "patience", "epochs"),
    [([4, 3, 2, 1], 1, 4), ([1, 2, 3, 4], 1, 2), ([1, 2, 3, 4], 2, 3), ([3, 4, 2, 3, 3, 3], 2, 5), ([1, 1, 1], 1, 3)],
)
def test_training_stops_after_so_many_epochs_without_a_better_one(validations, patience, epochs):
    assert len(weight_after(validations, patience=patience)[0]) == epochs


def test_validation_sees_the_network_in_evaluation_mode_and_training_goes_on_in_training_mode():
    modes = []
    network = nn.Linear(3, 1)
    network.register_forward_hook(lambda module, *_: modes.append(module.training))
    fit_linear(network, epochs=2, validation=lambda network: network(torch.zeros(1, 3)).item())
    assert modes == ([True] * 8 + [False]) * 2


@pytest.mark.parametrize("options", [{"patience": 2}, {"patience": 0, "validation": lambda network: 0.0}])
def test_patience_without_a_validation_or_an_epoch_is_refused(options):
    with pytest.raises(UsageError, match="^patience is "):
        fit_linear(**options)


def test_validation_that_is_not_a_number_is_refused():
    with pytest.raises(UsageError, match="^The validation is nan in epoch 1"):
        fit_linear(validation=lambda network: float("nan"))


class Killed(Exception):
    pass


@pytest.mark.parametrize("validation", [None, lambda network: -network.waveform[0].weight.sum().item()])
def test_training_goes_on_after_a_kill_as_if_nothing_had_happened(tmp_path, validation):
    options = dict(epochs=4, learning_rate=0.01, validation=validation)

    def train(killed_in_step=None, **more):
        seed_all(0)
        network, steps = BeatNetwork(4, 4, 5, dropout=0.5), iter(range(1000))

        def loss(network, waveform, features, label):
            if next(steps) == killed_in_step:
                raise Killed
            return cross_entropy(network, waveform + 0.1 * torch.randn_like(waveform), features, label)

        batches = shuffled_batches(*random_beats(), batch_size=16, seed=0)
        losses = fit(network, batches, loss, **options, **more)
        return losses, {name: value.tolist() for name, value in network.state_dict().items()}

    whole = train()
    path = tmp_path / "training.safetensors"
    for killed_in_step in (6, 5):  # in epoch 2 of the first try, in epoch 3 of the second
        with pytest.raises(Killed):
            train(killed_in_step, checkpoint=path)
    assert train(checkpoint=path) == whole
    # A finished training is not repeated.
    assert train(killed_in_step=0, checkpoint=path) == whole
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_training_stopped_early_stays_stopped(tmp_path):
    path = tmp_path / "training.safetensors"
    losses, weights, final = weight_after([1, 2, 3, 4], patience=1, checkpoint=path)
    assert weight_after([1, 2, 3, 4], patience=1, checkpoint=path) == (losses, [], final)


def test_checkpoint_of_another_training_is_refused(tmp_path):
    fit_linear(checkpoint=tmp_path / "a.safetensors")
    with pytest.raises(UsageError, match=r"another training; .*'learning_rate': \(0.1, 0.2\)"):
        fit_linear(learning_rate=0.2, checkpoint=tmp_path / "a.safetensors")
    with pytest.raises(UsageError, match=r"another training; .*'weight': \[1, 3\]"):
        fit_linear(nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1)), checkpoint=tmp_path / "a.safetensors")


@pytest.mark.parametrize("damage", [b"", b"not safetensors", None])
def test_damaged_checkpoint_is_refused_and_kept(tmp_path, damage):
    path = tmp_path / "a.safetensors"
    fit_linear(checkpoint=path)
    path.write_bytes(path.read_bytes()[:-10] if damage is None else damage)
    content = path.read_bytes()
    with pytest.raises(DataError, match="is no checkpoint of medlib .*; delete it"):
        fit_linear(checkpoint=path)
    assert path.read_bytes() == content


def test_fastest_precision_asks_the_processor(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True})
    assert fastest_precision("cpu") == "bf16-mixed" and fastest_precision("mps") == "32-true"
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": False})
    assert fastest_precision("cpu") == "32-true"


# --- prediction


@pytest.mark.parametrize("batch_size", [1, 7, 64, 2048])
def test_prediction_is_the_forward_pass_whatever_the_batch_size(batch_size):
    waveform, features, _ = random_beats()
    network = BeatNetwork(4, 4, 5)
    predicted = predict(network, waveform, torch.from_numpy(features), batch_size=batch_size)
    with torch.no_grad():
        expected = network.eval()(torch.from_numpy(waveform), torch.from_numpy(features)).numpy()
    assert predicted.dtype == np.float32
    np.testing.assert_allclose(predicted, expected, atol=1e-5)


def test_seed_decides_random_numbers_of_numpy_and_torch():
    def numbers(seed):
        seed_all(seed)
        return float(torch.rand(1)), np.random.rand()  # noqa: NPY002

    assert numbers(5) == numbers(5)
    assert all(one != other for one, other in zip(numbers(5), numbers(6), strict=True))
