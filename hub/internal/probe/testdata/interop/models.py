"""Writes a repository of two models for MLServer: models.py DIRECTORY.

iris tells three kinds of iris apart by four lengths; predict_proba is one of its
outputs. late is ready when the file late/gate is there.
"""

import json
import pathlib
import shutil
import sys

import joblib
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

root = pathlib.Path(sys.argv[1]).resolve()


def directory(name, implementation, uri):
    path = root / name
    path.mkdir(parents=True, exist_ok=True)
    settings = {"name": name, "implementation": implementation, "parameters": {"uri": str(path / uri)}}
    (path / "model-settings.json").write_text(json.dumps(settings))
    return path


iris = load_iris()
joblib.dump(
    LogisticRegression(max_iter=1000).fit(iris.data, iris.target),
    directory("iris", "mlserver_sklearn.SKLearnModel", "model.joblib") / "model.joblib",
)
late = directory("late", "late.Late", "gate")
shutil.copy(pathlib.Path(__file__).with_name("late.py"), late)
(late / "gate").touch()
