"""A headless Chromium that tests drive as a person would."""

import shutil

import pytest

CHROMIUM = next(
    filter(
        None, map(shutil.which, ('chromium', 'chromium-browser', 'chrome'))
    ),
    None,
)
DRIVER = shutil.which('chromedriver')


@pytest.fixture
def browser(tmp_path):
    """A Chromium with an empty profile, downloads in ``tmp_path``."""
    if CHROMIUM is None or DRIVER is None:
        pytest.skip('needs chromium and chromedriver')
    driver = open_browser(tmp_path)
    yield driver
    driver.quit()


def open_browser(folder, dark=False, width=1200, height=860):
    """Start Chromium with an empty profile; downloads go to ``folder``."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for option in (
        '--headless=new',
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--disable-dev-shm-usage',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        '--no-first-run',
        f'--window-size={width},{height}',
        f'--user-data-dir={folder}/profile',
        *(['--force-dark-mode'] if dark else []),
    ):
        options.add_argument(option)
    options.set_capability('goog:loggingPrefs', {'browser': 'ALL'})
    options.add_experimental_option(
        'prefs', {'download.default_directory': str(folder)}
    )
    service = webdriver.ChromeService(executable_path=DRIVER)
    driver = webdriver.Chrome(options=options, service=service)
    if dark:
        driver.execute_cdp_cmd(
            'Emulation.setEmulatedMedia',
            {'features': [{'name': 'prefers-color-scheme', 'value': 'dark'}]},
        )
    return driver
