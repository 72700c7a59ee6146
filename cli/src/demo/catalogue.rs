//! The items of the shop. They are built from two lists of words and are the same in each run.

use serde::Serialize;

/// An item for sale.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct CatalogueItem {
    pub(super) id: u32,
    pub(super) name: String,
    pub(super) price_cents: u32,
}

/// A page of the listing.
#[derive(Debug, Serialize)]
pub(super) struct ListingPage<'a> {
    page: usize,
    pages: usize,
    items: &'a [CatalogueItem],
}

/// All items, ordered by id. The first id is 1.
pub(super) struct Catalogue {
    items: Vec<CatalogueItem>,
}

impl Catalogue {
    pub(super) fn new() -> Self {
        let names = ADJECTIVES.iter().flat_map(|adjective| NOUNS.iter().map(move |noun| format!("{adjective} {noun}")));
        let item = |(id, name)| CatalogueItem { id, name, price_cents: 199 + id * 7919 % 9800 };
        Self { items: (1..).zip(names).map(item).collect() }
    }

    pub(super) fn item(&self, id: u32) -> Option<&CatalogueItem> {
        self.items.get(usize::try_from(id).ok()?.checked_sub(1)?)
    }

    /// Returns a page of the listing. The first page is 1. `None` means that there is no such page.
    pub(super) fn page(&self, page: usize) -> Option<ListingPage<'_>> {
        let mut pages = self.items.chunks(ITEMS_PER_PAGE);
        let count = pages.len();
        let items = pages.nth(page.checked_sub(1)?)?;
        Some(ListingPage { page, pages: count, items })
    }

    /// Returns the items with `text` in their names, in any case.
    pub(super) fn find(&self, text: &str) -> Vec<&CatalogueItem> {
        let text = text.to_lowercase();
        self.items.iter().filter(|item| item.name.contains(&text)).collect()
    }

    /// Returns the first items, for the front page.
    pub(super) fn featured_items(&self) -> &[CatalogueItem] {
        &self.items[..FEATURED_ITEMS]
    }
}

const ITEMS_PER_PAGE: usize = 20;
const FEATURED_ITEMS: usize = 12;

const ADJECTIVES: [&str; 20] = [
    "amber", "blue", "brass", "cedar", "copper", "crimson", "folding", "glass", "green", "ivory", "large", "linen",
    "little", "painted", "plain", "round", "silver", "striped", "walnut", "woollen",
];
const NOUNS: [&str; 10] =
    ["basket", "bowl", "candle", "chair", "clock", "cushion", "kettle", "lamp", "mirror", "teapot"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_item_is_on_one_page() {
        let catalogue = Catalogue::new();
        let first = catalogue.page(1).unwrap();
        assert_eq!((first.pages, first.items.len()), (10, 20));
        let ids: Vec<u32> = (1..=10).flat_map(|page| catalogue.page(page).unwrap().items).map(|item| item.id).collect();
        assert_eq!(ids, (1..=200).collect::<Vec<_>>());
        assert!(catalogue.page(0).is_none() && catalogue.page(11).is_none());
        assert_eq!(catalogue.item(200).unwrap().name, "woollen teapot");
        assert!(catalogue.item(0).is_none() && catalogue.item(201).is_none());
    }

    #[test]
    fn search_ignores_case() {
        let catalogue = Catalogue::new();
        assert_eq!(catalogue.find("Lamp").len(), 20);
        assert_eq!(catalogue.find("brass lamp").len(), 1);
        assert!(catalogue.find("locust").is_empty());
    }
}
