"""Counts test results in the runner's own reports: count_tests.py DIRECTORY RUNNER_EXIT_CODE

Prints each failure with its message, then one line "N passed, N failed, N skipped".
Ends with 1 when a test failed, when the runner itself failed, or when no test ran.
"""
import pathlib
import sys
import xml.etree.ElementTree as xml

TRX = "{http://microsoft.com/schemas/VisualStudio/TeamTest/2010}"


def main(directory: str, runner_exit_code: int) -> int:
    passed = skipped = 0
    failures = []
    for report in sorted(pathlib.Path(directory).rglob("*.trx")):
        for result in xml.parse(report).iter(TRX + "UnitTestResult"):
            outcome = result.get("outcome")
            if outcome == "Passed":
                passed += 1
            elif outcome == "NotExecuted":
                skipped += 1
            else:
                message = result.findtext(f"{TRX}Output/{TRX}ErrorInfo/{TRX}Message") or outcome or "no message"
                failures.append((result.get("testName"), message.strip()))
    for name, message in failures:
        print(f"\nFAILED {name}\n  " + message.replace("\n", "\n  "))
    if runner_exit_code != 0 and not failures:
        print(f"\nThe test runner ended with {runner_exit_code} although no test failed.")
    if passed + len(failures) == 0:
        print("\nNo test ran.")
    print(f"{passed} passed, {len(failures)} failed, {skipped} skipped")
    return 0 if passed > 0 and not failures and runner_exit_code == 0 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
