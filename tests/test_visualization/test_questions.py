import csv
import re
import time

import pytest
from PIL import Image

from mmlatte.datasets.answers.formats.table import TIME
from mmlatte.visualization import (
    Question,
    question_page,
    write_questions_page,
)

HOSTILE = '</script><img src=x onerror=document.title="owned">'
CLASSES = ['forest', 'annual crop', 'sea, "deep"', HOSTILE]
IDS = ['a.jpg', 'it\'s "b", <c>.jpg', 'dir/é.jpg', 'd.jpg']


def picture(index):
    return Image.new('RGB', (64, 48), (index * 37 % 256, 90, 160))


def questions(count=4):
    return [
        Question(
            id=IDS[i] if i < len(IDS) else f'{i}.jpg',
            index=i,
            share=1 / count,
            likely=[i % 3, 3],
            neighbours=[count + i, i],
        )
        for i in range(count)
    ]


def page(folder, **kwargs):
    options = dict(none='none of these', skip='skip', command='run this')
    path = folder / 'questions.html'
    write_questions_page(
        path,
        kwargs.pop('questions', questions()),
        kwargs.pop('classes', CLASSES),
        **{**options, 'load': picture, **kwargs},
    )
    return path


def test_the_file_is_self_contained(tmp_path):
    content = page(tmp_path).read_text()
    for outside in ('http:', 'https:', '//cdn', '@import', 'url('):
        assert outside not in content
    assert "connect-src 'none'" in content and '@' not in re.sub(
        r'@media[^{]*', '', content
    ).replace('@import', '')


def test_names_are_data(tmp_path):
    content = page(tmp_path).read_text()
    assert HOSTILE not in content
    assert content.count('\\u003c/script>') == 1


def test_every_picture_is_there_once(tmp_path):
    content = page(tmp_path).read_text()
    numbers = re.findall(r'id="picture-(\d+)"', content)
    assert sorted(map(int, numbers)) == list(range(8))


def test_a_served_page_holds_no_picture():
    content = question_page(questions(), CLASSES, none='none', skip='skip')
    assert 'id="picture-' not in content
    assert "connect-src 'self'" in content


def test_no_question_is_an_error():
    with pytest.raises(ValueError, match='no question'):
        question_page([], CLASSES, none='none', skip='skip')


def press(driver, *keys):
    from selenium.webdriver import ActionChains

    for key in keys:
        ActionChains(driver).send_keys(key).perform()


def shown(driver, name):
    return driver.find_element('id', name).text


def errors(driver):
    return [
        entry
        for entry in driver.get_log('browser')
        if entry['level'] == 'SEVERE' and 'favicon' not in entry['message']
    ]


def saved(driver, folder):
    driver.find_element('id', 'save').click()
    path = folder / 'answers.csv'
    deadline = time.monotonic() + 20
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    with path.open(newline='', encoding='utf-8') as file:
        header, *rows = csv.reader(file)
    # In the order they were given, as AnswersFile writes them.
    assert header == ['image', 'class', 'when']
    times = [row.pop() for row in rows]
    assert times == sorted(times) and all(map(TIME.fullmatch, times))
    return rows


def test_a_round_by_keyboard(browser, tmp_path):
    from selenium.webdriver import Keys

    browser.get(page(tmp_path).as_uri())
    assert shown(browser, 'facts') == '0 of 4 answered'
    assert 'current guess' in shown(browser, 'classes').splitlines()
    press(browser, '1')  # the guess of the first question
    press(browser, 'd', 'e', 'e', 'p')
    assert HOSTILE not in shown(browser, 'classes')
    press(browser, Keys.ENTER)
    press(browser, '0')
    press(browser, Keys.BACKSPACE)  # undo
    assert shown(browser, 'facts') == '2 of 4 answered'
    press(browser, Keys.ARROW_RIGHT)  # skip
    press(browser, '1')
    assert 'Thank you' in shown(browser, 'end-title')
    assert browser.title != 'owned' and errors(browser) == []
    assert saved(browser, tmp_path) == [
        [IDS[0], 'forest'],
        [IDS[1], 'sea, "deep"'],
        [IDS[2], 'skip'],
        [IDS[3], 'forest'],
    ]


def test_a_closed_tab_loses_nothing(browser, tmp_path):
    path = page(tmp_path)
    browser.get(path.as_uri())
    press(browser, '1', '0')
    browser.execute_script('onbeforeunload = null')
    browser.get('about:blank')
    browser.get(path.as_uri())
    assert shown(browser, 'facts') == '2 of 4 answered'
    assert 'd.jpg' not in shown(browser, 'image-name')


def test_a_new_class(browser, tmp_path):
    from selenium.webdriver import ActionChains, Keys

    browser.get(page(tmp_path).as_uri())
    press(browser, *'harbour', Keys.ENTER)
    assert shown(browser, 'facts') == '0 of 4 answered'  # no such class
    keys = ActionChains(browser).key_down(Keys.CONTROL).send_keys(Keys.ENTER)
    keys.key_up(Keys.CONTROL).perform()
    assert shown(browser, 'facts') == '1 of 4 answered'
    assert 'harbour' in shown(browser, 'classes')  # for the next image, too


def test_another_spelling_is_no_new_class(browser, tmp_path):
    from selenium.webdriver import ActionChains, Keys

    names = ['annual crop', 'sea']
    browser.get(page(tmp_path, classes=names).as_uri())
    press(browser, *'Annual_Crop')
    assert not shown(browser, 'new')
    keys = ActionChains(browser).key_down(Keys.CONTROL).send_keys(Keys.ENTER)
    keys.key_up(Keys.CONTROL).perform()
    assert shown(browser, 'facts') == '0 of 4 answered'


def test_200_classes(browser, tmp_path):
    names = [f'class number {i:03d}' for i in range(200)]
    browser.get(page(tmp_path, classes=names).as_uri())
    press(browser, *'153')  # digits choose while nothing is typed
    assert shown(browser, 'facts') == '3 of 4 answered'
    press(browser, *'ber 153')
    buttons = browser.find_elements('css selector', '#classes button')
    assert [b.text for b in buttons] == ['1\nclass number 153']


def test_an_answer_can_be_changed_at_the_end(browser, tmp_path):
    browser.get(page(tmp_path, questions=questions(2)).as_uri())
    press(browser, '1', '1')
    browser.find_elements('css selector', '#answers button')[0].click()
    press(browser, '0')
    rows = saved(browser, tmp_path)
    assert sorted(rows) == sorted(
        [[IDS[0], 'none of these'], [IDS[1], 'annual crop']]
    )
