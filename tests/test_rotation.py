"""Rotations beside SciPy's: all forms, products, means and interpolation; derivatives at zero."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation as Theirs, Slerp as TheirSlerp

import ingot
import ingot.numpy as jnp
from ingot.scipy.spatial.transform import Rotation, Slerp

QUATS = np.random.default_rng(0).normal(size=(7, 4))
SEQUENCES = [a + b + c for a in "xyz" for b in "xyz" for c in "xyz" if a != b != c]


def close(ours, theirs, tolerance=1e-13):
    np.testing.assert_allclose(np.asarray(ours), theirs, rtol=tolerance, atol=tolerance)


@pytest.fixture(params=[(), (7,)], ids=["one", "many"])
def both(request):
    quats = QUATS if request.param else QUATS[0]
    return Rotation.from_quat(quats), Theirs.from_quat(quats)


def test_forms(both):
    ours, theirs = both
    close(ours.as_matrix(), theirs.as_matrix())
    close(ours.as_rotvec(), theirs.as_rotvec())
    close(ours.as_rotvec(degrees=True), theirs.as_rotvec(degrees=True), 1e-12)
    close(ours.as_mrp(), theirs.as_mrp())
    close(ours.as_quat(), theirs.as_quat())
    close(ours.as_quat(canonical=True, scalar_first=True),
          theirs.as_quat(canonical=True, scalar_first=True))
    close(ours.magnitude(), theirs.magnitude())
    close(ours.inv().as_quat(), theirs.inv().as_quat())
    assert ours.single == theirs.single


@pytest.mark.parametrize("seq", [*SEQUENCES, *map(str.upper, SEQUENCES)])
def test_euler_angles(seq, both):
    ours, theirs = both
    close(ours.as_euler(seq), theirs.as_euler(seq), 1e-12)
    angles = np.asarray([[0.3, -0.2, 2.0], [3.0, 1.2, -1.0]])
    close(Rotation.from_euler(seq, angles).as_matrix(),
          Theirs.from_euler(seq, angles).as_matrix())
    locked = np.asarray([[0.4, x, 0.7] for x in ((0, np.pi) if seq[0] == seq[2]
                                                 else (np.pi / 2, -np.pi / 2))])
    with pytest.warns(UserWarning, match="Gimbal"):
        expected = Theirs.from_euler(seq, locked).as_euler(seq)
    close(Rotation.from_euler(seq, locked).as_euler(seq), expected, 1e-9)


def test_constructions():
    vectors = np.random.default_rng(1).normal(size=(6, 3)) * [[1], [1e-9], [2], [0], [1e-3], [3]]
    close(Rotation.from_rotvec(vectors).as_matrix(), Theirs.from_rotvec(vectors).as_matrix())
    close(Rotation.from_rotvec(vectors).as_rotvec(), Theirs.from_rotvec(vectors).as_rotvec())
    close(Rotation.from_rotvec(vectors, degrees=True).as_quat(),
          Theirs.from_rotvec(vectors, degrees=True).as_quat())
    close(Rotation.from_mrp(vectors).as_matrix(), Theirs.from_mrp(vectors).as_matrix())
    half_turns = Theirs.from_rotvec(np.pi * np.eye(3)).as_matrix()
    matrices = np.concatenate([Theirs.from_quat(QUATS).as_matrix(), half_turns, [np.eye(3)]])
    close(Rotation.from_matrix(matrices).as_matrix(), matrices)
    close(Rotation.from_euler("z", 90, degrees=True).as_matrix(),
          Theirs.from_euler("z", 90, degrees=True).as_matrix())
    close(Rotation.from_euler("xy", [0.1, 0.2]).as_quat(),
          Theirs.from_euler("xy", [0.1, 0.2]).as_quat())
    close(Rotation.identity(2).as_quat(), Theirs.identity(2).as_quat())
    assert Rotation.random(ingot.random.key(0), 3).as_quat().shape == (3, 4)


def test_products_and_means():
    ours, theirs = Rotation.from_quat(QUATS), Theirs.from_quat(QUATS)
    close((ours * ours[::-1]).as_matrix(), (theirs * theirs[::-1]).as_matrix())
    vectors = np.random.default_rng(2).normal(size=(7, 3))
    close(ours.apply(vectors), theirs.apply(vectors))
    close(ours[0].apply(vectors, inverse=True), theirs[0].apply(vectors, inverse=True))
    close(ours.mean().as_matrix(), theirs.mean().as_matrix(), 1e-12)
    weights = np.arange(1.0, 8.0)
    close(ours.mean(weights).as_matrix(), theirs.mean(weights).as_matrix(), 1e-12)
    joined = Rotation.concatenate([ours[0], ours[1:]])
    close(joined.as_quat(), theirs.as_quat())
    assert len(joined) == 7


def test_interpolation():
    times, at = np.arange(7.0), np.asarray([0.0, 0.5, 3.25, 6.0])
    ours = Slerp.init(times, Rotation.from_quat(QUATS))
    theirs = TheirSlerp(times, Theirs.from_quat(QUATS))
    close(ours(at).as_matrix(), theirs(at).as_matrix(), 1e-12)
    close(ingot.jit(lambda s, t: s(t).as_matrix())(ours, 2.5), theirs(2.5).as_matrix(), 1e-12)
    with pytest.raises(ValueError, match="as many times"):
        Slerp.init(times[:-1], Rotation.from_quat(QUATS))


def test_transformations_and_derivatives():
    def there_and_back(v):
        return Rotation.from_rotvec(v).as_rotvec()

    for v in (np.zeros(3), np.full(3, 1e-4), np.asarray([0.3, -1.0, 0.5])):
        close(ingot.jacfwd(there_and_back)(v), np.eye(3), 1e-10)
        close(ingot.jacrev(there_and_back)(v), np.eye(3), 1e-10)
    spin = ingot.jacfwd(lambda v: Rotation.from_rotvec(v).apply(jnp.array([1.0, 0, 0])))
    close(spin(np.zeros(3)), [[0, 0, 0], [0, 0, 1], [0, -1, 0]])
    rotations = Rotation.from_quat(QUATS)
    close(ingot.vmap(lambda r: r.as_matrix())(rotations), rotations.as_matrix())


@pytest.mark.parametrize("call, match", [
    (lambda: Rotation.from_euler("xxy", [1.0, 2, 3]), "must differ"),
    (lambda: Rotation.from_euler("xYz", [1.0, 2, 3]), "seq must be"),
    (lambda: Rotation.from_euler("xyz", [1.0, 2]), "3 angles"),
    (lambda: Rotation.identity().as_euler("xy"), "three axes")])
def test_errors(call, match):
    with pytest.raises(ValueError, match=match):
        call()
    with pytest.raises(TypeError, match="single"):
        len(Rotation.identity())
