//! Statements drawn by a seed, to see by hand that their tests bite.

use super::Listing;
use super::statements::Statement;

/// So many statements that have tests, fewer if there are fewer.
pub(super) fn draw(listing: &Listing, count: usize, seed: u64) -> Vec<&Statement> {
    let shown = listing.of_client().filter(|it| listing.tests(it).next().is_some());
    let mut lots: Vec<(u64, &Statement)> =
        shown.map(|statement| (lot(seed, &statement.name()), statement)).collect();
    lots.sort_by_key(|(lot, _)| *lot);
    lots.into_iter().take(count).map(|(_, statement)| statement).collect()
}

/// FNV-1a over the seed and the name, then mixed: one more statement moves no other's lot.
fn lot(seed: u64, name: &str) -> u64 {
    let bytes = seed.to_be_bytes().into_iter().chain(name.bytes());
    let hash = bytes.fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    });
    let mixed = (hash ^ (hash >> 33)).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    mixed ^ (mixed >> 33)
}
