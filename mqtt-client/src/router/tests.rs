use mqtt_session::proto::TopicFilter;
use proptest::prelude::*;

use super::Router;

fn filter(text: &str) -> TopicFilter<'_> {
    TopicFilter::new(text).unwrap()
}

fn found(router: &mut Router<usize>, topic: &str) -> Vec<usize> {
    let mut found = Vec::new();
    router.find(topic, &mut found);
    found.sort_unstable();
    found
}

/// Filters nobody asks for, so that the trie is used.
fn many() -> Router<usize> {
    let mut router = Router::default();
    for key in 100..120 {
        router.insert(filter(&format!("unused/{key}")), key);
    }
    router
}

#[test]
fn wildcards_leave_dollar_topics_alone() {
    for mut router in [Router::default(), many()] {
        for (key, text) in ["#", "+/info", "$SYS/#", "$SYS/+", "$SYS"].into_iter().enumerate() {
            router.insert(filter(text), key);
        }
        assert_eq!(found(&mut router, "$SYS/info"), [2, 3]);
        assert_eq!(found(&mut router, "$SYS"), [2, 4]);
        assert_eq!(found(&mut router, "a/info"), [0, 1]);
        assert_eq!(found(&mut router, "/info"), [0, 1]);
    }
}

#[test]
fn a_shared_subscription_is_routed_by_its_filter() {
    for mut router in [Router::default(), many()] {
        router.insert(filter("$share/group/a/+"), 1);
        assert_eq!(found(&mut router, "a/b"), [1]);
        router.remove(filter("$share/group/a/+"), 1);
        assert_eq!(found(&mut router, "a/b"), []);
    }
}

#[test]
fn only_the_given_route_is_removed() {
    for mut router in [Router::default(), many()] {
        router.insert(filter("a/b"), 1);
        router.insert(filter("a/b"), 2);
        router.insert(filter("a/b/c"), 3);
        router.remove(filter("a/b"), 1);
        router.remove(filter("a/x"), 2);
        router.remove(filter("a/b/c"), 2);
        assert_eq!(found(&mut router, "a/b"), [2]);
        assert_eq!(found(&mut router, "a/b/c"), [3]);
    }
}

#[test]
fn a_long_topic_is_no_danger() {
    let mut router = many();
    let long = "+/".repeat(30_000);
    router.insert(filter(&long), 1);
    assert_eq!(found(&mut router, &"/".repeat(30_000)), [1]);
    assert_eq!(found(&mut router, &"/".repeat(60_000)), []);
}

fn level() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("a"), Just("b"), Just(""), Just("$x")]
}

fn topics() -> impl Strategy<Value = String> {
    prop::collection::vec(level(), 1..5)
        .prop_map(|levels| levels.join("/"))
        .prop_filter("a topic is not empty", |topic| !topic.is_empty())
}

fn filters() -> impl Strategy<Value = String> {
    let level = prop_oneof![3 => level(), 2 => Just("+")];
    (prop::collection::vec(level, 0..4), any::<bool>())
        .prop_map(|(mut levels, multi_level)| {
            levels.extend(multi_level.then_some("#"));
            levels.join("/")
        })
        .prop_filter("a filter is not empty", |filter| !filter.is_empty())
}

proptest! {
    /// Few or many, the router finds what the standard says, whatever came and went before.
    #[test]
    fn the_router_finds_what_matches(
        all in prop::collection::vec((filters(), any::<bool>()), 0..24),
        topics in prop::collection::vec(topics(), 1..16),
    ) {
        let mut router = Router::default();
        for (key, (text, _)) in all.iter().enumerate() {
            router.insert(filter(text), key);
        }
        for (key, (text, stays)) in all.iter().enumerate() {
            if !stays {
                router.remove(filter(text), key);
            }
        }
        for topic in topics {
            let naive: Vec<_> = all
                .iter()
                .enumerate()
                .filter(|(_, (text, stays))| *stays && filter(text).matches(&topic))
                .map(|(key, _)| key)
                .collect();
            prop_assert_eq!(found(&mut router, &topic), naive, "{}", topic);
        }
    }
}
