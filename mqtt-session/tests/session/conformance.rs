//! Statements of the standard that no other test is about, in both versions where both have them.

mod information;
