"""Print versions and known problems: ``python tools/doctor.py``."""

import importlib.util
import logging
import platform
import sys
from pathlib import Path


def load_doctor():
    """Load the module by its path: importing mmlatte may be what fails."""
    package = importlib.util.find_spec('mmlatte')
    if package is not None and package.origin:
        folder = Path(package.origin).parent
    else:
        folder = Path(__file__).resolve().parents[1] / 'mmlatte'
    spec = importlib.util.spec_from_file_location(
        'mmlatte_doctor', folder / 'apis' / 'doctor.py'
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> None:
    logging.basicConfig(
        level=logging.INFO, format='%(message)s', stream=sys.stdout
    )
    logger = logging.getLogger('mmlatte.doctor')
    doctor = load_doctor()
    versions = doctor.installed()
    logger.info('%-18s %s', 'python', platform.python_version())
    for name, version in versions.items():
        logger.info('%-18s %s', name, version)
    problems = doctor.diagnose(versions)
    for problem in problems:
        logger.error('problem: %s', problem)
    if not problems:
        logger.info('no known problem')
    sys.exit(1 if problems else 0)


if __name__ == '__main__':
    main()
