//! Statements and tests that disagree.

use super::*;
use statements::parse;

/// Statements `A` and `S` of 5.0 and `A` of 3.1.1, where `S` binds servers alone.
fn listing(untested_table: &str, tests: &str) -> Listing {
    let statement = |version, id: &str, binds| Statement {
        version,
        id: id.to_owned(),
        binds,
        text: "one | other".to_owned(),
    };
    let statements = vec![
        statement(Version::V5, "A", Binds::Client),
        statement(Version::V5, "S", Binds::Server),
        statement(Version::V3_1_1, "A", Binds::Client),
    ];
    let untested = parse(&format!("headings\n{untested_table}"), untested).unwrap();
    let mut claims = Vec::new();
    scan::source("tests/a.rs", tests, Notation { label: LABEL, families: &[] }, &mut claims);
    Listing { statements, untested, tolerances: Vec::new(), claims }
}

const BOTH: &str = "/// Enforces: A, A (3.1.1)\nfn shows() {}\n";

#[test]
fn a_statement_for_clients_has_a_test_or_a_reason() {
    assert_eq!(listing("", BOTH).problems(), [""; 0]);
    assert_eq!(listing("A\tlater\tx\nA (3.1.1)\tunobservable\tx", "").problems(), [""; 0]);
    assert_eq!(listing("", "").problems(), ["A has no test", "A (3.1.1) has no test"]);
    let problems = listing("A\tlater\tx", BOTH).problems();
    assert_eq!(problems, ["A is listed as untested, and tests/a.rs shows names it"]);
}

/// The id of one version says nothing of the other.
#[test]
fn a_version_is_named_exactly() {
    let listing = listing("", "/// Enforces: A\nfn shows() {}\n");
    assert_eq!(listing.problems(), ["A (3.1.1) has no test"]);
}

#[test]
fn a_test_names_only_what_binds_clients() {
    for id in ["B", "S", "A (3.1)", "A(3.1.1)", "A (5.0)", "A (3.1.1) and more"] {
        let tests = format!("{BOTH}/// Enforces: {id}\nfn wrong() {{}}\n");
        let problem = format!("tests/a.rs wrong names {id:?}, which is no statement for clients");
        assert_eq!(listing("", &tests).problems(), [problem]);
    }
    assert_eq!(listing("S\tlater\tx", BOTH).problems().len(), 1);
}

#[test]
fn what_is_let_pass_is_a_statement() {
    let mut listing = listing("", BOTH);
    let tolerances = "A (3.1.1)\tIt is counted.\tstrict\nA\tSo be it.\t-\nB\tNo.\t-";
    listing.tolerances = tolerances.lines().map(|line| tolerance(line).unwrap()).collect();
    let problem = format!("{TOLERANCES} has \"B\", which is no statement for clients");
    assert_eq!(listing.problems(), [problem]);
    let document = listing.to_string();
    for row in ["| A (3.1.1) | It is counted. | `strict` |", "| A | So be it. |  |"] {
        assert!(document.contains(row), "{document}");
    }
}

#[test]
fn a_reason_is_of_a_known_kind() {
    for line in ["A", "A\tlater", "A\tlater\t", "A\tnever\tx", "A\tlater\tx\ty"] {
        assert!(untested(line).is_none(), "{line}");
    }
}

#[test]
fn the_document_names_tests_and_reasons() {
    let document = listing(
        "A (3.1.1)\tlater\tSoon.",
        "/// Enforces: A\nfn a() {}\n/// Enforces: A\nfn b() {}\n",
    );
    let document = document.to_string();
    let rows = [
        "| A | one \\| other | [tests/a.rs](tests/a.rs): `a`, `b` |",
        "| A | one \\| other | Not covered yet: Soon. |",
    ];
    for row in rows {
        assert!(document.contains(row), "{document}");
    }
    assert!(document.contains("| Enforced by tests | 1 | 0 |"), "{document}");
    assert!(!document.contains("| S |"), "{document}");
}

#[test]
fn a_draw_repeats_by_its_seed() {
    let listing = listing("", BOTH);
    let names = |count, seed| {
        draw::draw(&listing, count, seed).iter().map(|it| it.name()).collect::<Vec<_>>()
    };
    assert_eq!(names(5, 1).len(), 2);
    assert_eq!(names(1, 7), names(1, 7));
    assert!((0..64).any(|seed| names(1, seed) != names(1, 0)));
}
