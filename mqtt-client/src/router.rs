//! Which subscriptions a message goes to.

mod trie;

use mqtt_session::proto::TopicFilter;

use trie::Trie;

/// The Topic Filters of all subscriptions, each with a key.
///
/// A few filters are compared one by one; more make a trie, so that a message costs its levels and
/// not the number of filters.
#[derive(Debug)]
pub(crate) enum Router<K> {
    Few(Vec<Route<K>>),
    Many(Trie<K>),
}

#[derive(Debug)]
pub(crate) struct Route<K> {
    filter: Box<str>,
    has_wildcard: bool,
    key: K,
}

impl<K: Copy + PartialEq> Router<K> {
    /// Routes what matches to `key`. The group of a shared subscription plays no part.
    pub(crate) fn insert(&mut self, filter: TopicFilter<'_>, key: K) {
        let filter = filter.without_share();
        match self {
            Router::Few(routes) if routes.len() < FEW => {
                let has_wildcard = filter.has_wildcard();
                routes.push(Route { filter: filter.as_str().into(), has_wildcard, key });
            }
            Router::Few(routes) => {
                let mut trie = Trie::default();
                for route in routes.drain(..) {
                    trie.insert(&route.filter, route.key);
                }
                trie.insert(filter.as_str(), key);
                *self = Router::Many(trie);
            }
            Router::Many(trie) => trie.insert(filter.as_str(), key),
        }
    }

    /// Ends what `insert` with the same arguments began.
    pub(crate) fn remove(&mut self, filter: TopicFilter<'_>, key: K) {
        let filter = filter.without_share();
        match self {
            Router::Few(routes) => {
                routes.retain(|route| route.key != key || *route.filter != *filter.as_str());
            }
            Router::Many(trie) => trie.remove(filter.as_str(), key),
        }
    }

    /// Appends the keys of all filters that match `topic`, in no particular order.
    pub(crate) fn find(&mut self, topic: &str, found: &mut Vec<K>) {
        match self {
            Router::Few(routes) => {
                for route in routes {
                    if route.matches(topic) {
                        found.push(route.key);
                    }
                }
            }
            Router::Many(trie) => trie.find(topic, found),
        }
    }
}

impl<K> Route<K> {
    fn matches(&self, topic: &str) -> bool {
        if self.has_wildcard {
            matches(self.filter.as_bytes(), topic.as_bytes())
        } else {
            *self.filter == *topic
        }
    }
}

impl<K> Default for Router<K> {
    fn default() -> Router<K> {
        Router::Few(Vec::new())
    }
}

/// Up to here comparing one by one is the faster way.
const FEW: usize = 8;

/// As [`TopicFilter::matches`], for a filter that was checked before: byte by byte, so that short
/// levels cost little.
fn matches(filter: &[u8], topic: &[u8]) -> bool {
    if topic.first() == Some(&b'$') && filter.first() != Some(&b'$') {
        return false;
    }
    let (mut filter, mut topic) = (filter, topic);
    loop {
        match (filter, topic) {
            ([b'#', ..], _) | (b"/#", []) => return true,
            ([b'+', rest @ ..], _) => {
                let level = topic.iter().position(|byte| *byte == b'/').unwrap_or(topic.len());
                topic = topic.get(level..).unwrap_or_default();
                filter = rest;
            }
            ([wanted, filter_rest @ ..], [byte, topic_rest @ ..]) if wanted == byte => {
                (filter, topic) = (filter_rest, topic_rest);
            }
            (filter, topic) => return filter.is_empty() && topic.is_empty(),
        }
    }
}

#[cfg(test)]
mod tests;
