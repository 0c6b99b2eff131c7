"""Where in the results of the diagnostics does an exhibit stand?"""

from collections.abc import Mapping

from alignlib.result import Exhibit, Result, Row


def exhibit_of(results: Mapping[str, Result], key: str) -> Exhibit | None:
    """Which exhibit carries this key, which begins with the name of its diagnostic? None when there is none."""
    result = results.get(key.split(".")[0])
    return next((each for each in result.exhibits if each.key == key), None) if result else None


def rows_of(results: Mapping[str, Result], key: str) -> list[Row]:
    """Which rows has the exhibit with this key? None of them when there is none."""
    exhibit = exhibit_of(results, key)
    return exhibit.rows if exhibit else []
