//! Topic Filters as a tree of levels.

use std::collections::HashMap;

/// A tree whose edges are the levels of filters.
///
/// ```text
///   root ─ "sensors" ─ plus ─ "temperature"  : here  = holders of sensors/+/temperature
///                 └─ "7"                     : below = holders of sensors/7/#
/// ```
#[derive(Debug)]
pub(crate) struct Trie<K> {
    nodes: Vec<Node<K>>,
    vacant: Vec<usize>,
    /// Nodes still to look at while finding, with the place of the topic's next level.
    pending: Vec<(usize, Option<usize>)>,
}

#[derive(Debug)]
struct Node<K> {
    children: HashMap<Box<str>, usize>,
    plus: Option<usize>,
    /// Keys of the filters that end here.
    here: Vec<K>,
    /// Keys of the filters that end with `#` behind here.
    below: Vec<K>,
}

impl<K: Copy + PartialEq> Trie<K> {
    pub(crate) fn insert(&mut self, filter: &str, key: K) {
        let mut at = ROOT;
        for level in filter.split('/') {
            if level == "#" {
                return self.nodes[at].below.push(key);
            }
            at = match self.child(at, level) {
                Some(child) => child,
                None => self.grow(at, level),
            };
        }
        self.nodes[at].here.push(key);
    }

    pub(crate) fn remove(&mut self, filter: &str, key: K) {
        let mut path = Vec::new();
        let mut at = ROOT;
        let mut multi_level = false;
        for level in filter.split('/') {
            if level == "#" {
                multi_level = true;
                break;
            }
            let Some(child) = self.child(at, level) else { return };
            path.push((at, level));
            at = child;
        }
        let node = &mut self.nodes[at];
        let keys = if multi_level { &mut node.below } else { &mut node.here };
        if let Some(index) = keys.iter().position(|holder| *holder == key) {
            keys.swap_remove(index);
        }
        self.prune(at, path);
    }

    pub(crate) fn find(&mut self, topic: &str, found: &mut Vec<K>) {
        let mut wildcards = !topic.starts_with('$');
        self.pending.clear();
        self.pending.push((ROOT, Some(0)));
        while let Some((at, place)) = self.pending.pop() {
            let node = &self.nodes[at];
            if wildcards {
                found.extend_from_slice(&node.below);
            }
            let Some(rest) = place.and_then(|place| topic.get(place..)) else {
                found.extend_from_slice(&node.here);
                continue;
            };
            let end = rest.bytes().position(|byte| byte == b'/');
            let level = end.and_then(|end| rest.get(..end)).unwrap_or(rest);
            let next = end.and_then(|end| Some(place? + end + 1));
            if let Some(child) = node.children.get(level) {
                self.pending.push((*child, next));
            }
            if let Some(child) = node.plus.filter(|_| wildcards) {
                self.pending.push((child, next));
            }
            wildcards = true;
        }
    }

    fn child(&self, at: usize, level: &str) -> Option<usize> {
        match level {
            "+" => self.nodes[at].plus,
            level => self.nodes[at].children.get(level).copied(),
        }
    }

    fn grow(&mut self, at: usize, level: &str) -> usize {
        let child = self.vacant.pop().unwrap_or_else(|| {
            self.nodes.push(Node::default());
            self.nodes.len() - 1
        });
        match level {
            "+" => self.nodes[at].plus = Some(child),
            level => {
                self.nodes[at].children.insert(level.into(), child);
            }
        }
        child
    }

    /// Takes away the nodes from `at` up that lead nowhere.
    fn prune(&mut self, mut at: usize, mut path: Vec<(usize, &str)>) {
        while self.nodes[at].is_empty() {
            let Some((parent, level)) = path.pop() else { return };
            match level {
                "+" => self.nodes[parent].plus = None,
                level => {
                    self.nodes[parent].children.remove(level);
                }
            }
            self.nodes[at] = Node::default();
            self.vacant.push(at);
            at = parent;
        }
    }
}

impl<K> Default for Trie<K> {
    fn default() -> Trie<K> {
        Trie { nodes: vec![Node::default()], vacant: Vec::new(), pending: Vec::new() }
    }
}

impl<K> Node<K> {
    fn is_empty(&self) -> bool {
        let Node { children, plus, here, below } = self;
        children.is_empty() && plus.is_none() && here.is_empty() && below.is_empty()
    }
}

impl<K> Default for Node<K> {
    fn default() -> Node<K> {
        Node { children: HashMap::new(), plus: None, here: Vec::new(), below: Vec::new() }
    }
}

/// Where every filter begins; never pruned.
const ROOT: usize = 0;
