//! A table whose keys never name anything but what they were given for.

/// Places that are used again; a key of an earlier use finds nothing.
#[derive(Debug)]
pub(crate) struct Table<T> {
    places: Vec<(u64, Option<T>)>,
    vacant: Vec<usize>,
    serial: u64,
}

/// Names an entry of a table until it is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    index: usize,
    serial: u64,
}

impl<T> Table<T> {
    pub(crate) fn insert(&mut self, entry: T) -> Key {
        self.serial += 1;
        let place = (self.serial, Some(entry));
        let index = match self.vacant.pop() {
            Some(index) => {
                self.places[index] = place;
                index
            }
            None => {
                self.places.push(place);
                self.places.len() - 1
            }
        };
        Key { index, serial: self.serial }
    }

    pub(crate) fn get(&self, key: Key) -> Option<&T> {
        let (serial, entry) = self.places.get(key.index)?;
        entry.as_ref().filter(|_| *serial == key.serial)
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let (serial, entry) = self.places.get_mut(key.index)?;
        entry.as_mut().filter(|_| *serial == key.serial)
    }

    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        let (serial, entry) = self.places.get_mut(key.index)?;
        let entry = if *serial == key.serial { entry.take()? } else { return None };
        self.vacant.push(key.index);
        Some(entry)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, &T)> {
        self.places.iter().enumerate().filter_map(|(index, (serial, entry))| {
            Some((Key { index, serial: *serial }, entry.as_ref()?))
        })
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (Key, &mut T)> {
        self.places.iter_mut().enumerate().filter_map(|(index, (serial, entry))| {
            Some((Key { index, serial: *serial }, entry.as_mut()?))
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.places.len() - self.vacant.len()
    }
}

impl<T> Default for Table<T> {
    fn default() -> Table<T> {
        Table { places: Vec::new(), vacant: Vec::new(), serial: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outdated_key_finds_nothing() {
        let mut table = Table::default();
        let first = table.insert('a');
        assert_eq!(table.remove(first), Some('a'));
        let second = table.insert('b');
        assert_eq!(table.get_mut(first), None);
        assert_eq!(table.remove(first), None);
        assert_eq!(table.get_mut(second), Some(&mut 'b'));
        assert_eq!((table.len(), table.places.len()), (1, 1), "the place is used again");
    }
}
