//! A boxed future whose memory comes from, and returns to, a pool of its thread.
//!
//! Tasks and requests are futures of types that the engine does not know, so they must be boxed; a box per task would
//! be an allocation per request. Blocks of a few sizes are kept per thread instead. Larger futures use the allocator.

use std::{
    alloc::{Layout, alloc, dealloc, handle_alloc_error},
    cell::RefCell,
    future::Future,
    mem,
    pin::Pin,
    ptr::NonNull,
    task::{Context, Poll},
};

/// An owned future in pooled memory. Stays on the thread that made it.
pub struct PooledFuture<'a, T> {
    future: NonNull<dyn Future<Output = T> + 'a>,
}

impl<'a, T> PooledFuture<'a, T> {
    /// Makes a future in pooled memory.
    ///
    /// It is made only when there is a place for it: one that exists before must be copied, all of the bytes that it will
    /// ever need, because taking the place might fail and drop it.
    #[inline(always)]
    pub(crate) fn new<F: Future<Output = T> + 'a>(make: impl FnOnce() -> F) -> Self {
        let layout = Layout::new::<F>();
        let place = BlockGuard { block: acquire_block(layout), layout };
        let future = place.block.cast::<F>();
        // SAFETY: `take_block` gives exclusive memory that fits `layout`, which is F's.
        unsafe { future.write(make()) };
        mem::forget(place);
        Self { future }
    }
}

impl<T> Future for PooledFuture<'_, T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        // SAFETY: the future lives in its block until Drop and is never moved out of it, so pinning it holds.
        unsafe { Pin::new_unchecked(self.future.as_mut()) }.poll(cx)
    }
}

// The future is behind a pointer: moving this handle does not move it.
impl<T> Unpin for PooledFuture<'_, T> {}

impl<T> Drop for PooledFuture<'_, T> {
    fn drop(&mut self) {
        // SAFETY: the future was written by `new` and lives until the next line.
        let layout = Layout::for_value(unsafe { self.future.as_ref() });
        let block = BlockGuard { block: self.future.cast(), layout };
        // SAFETY: dropped here only; the block itself is given back after, even when this panics.
        unsafe { self.future.drop_in_place() };
        drop(block);
    }
}

struct BlockGuard {
    block: NonNull<u8>,
    layout: Layout,
}

impl Drop for BlockGuard {
    fn drop(&mut self) {
        release_block(self.block, self.layout);
    }
}

thread_local! {
    static BLOCK_POOL: RefCell<BlockPool> = const { RefCell::new(BlockPool { free: [const { FreeList { top: None, len: 0 } }; CLASS_COUNT] }) };
}

struct BlockPool {
    free: [FreeList; CLASS_COUNT],
}

/// Free blocks of one class; each holds the place of the next in its first bytes.
struct FreeList {
    top: Option<NonNull<u8>>,
    len: usize,
}

impl FreeList {
    fn push(&mut self, block: NonNull<u8>) {
        // SAFETY: a free block is no one else's, aligned for a pointer, and at least as large.
        unsafe { block.cast().write(self.top) };
        self.top = Some(block);
        self.len += 1;
    }

    fn pop(&mut self) -> Option<NonNull<u8>> {
        let block = self.top?;
        // SAFETY: written by `push`, and no one else's since.
        self.top = unsafe { block.cast().read() };
        self.len -= 1;
        Some(block)
    }
}

impl Drop for BlockPool {
    fn drop(&mut self) {
        for (class, blocks) in self.free.iter_mut().enumerate() {
            while let Some(block) = blocks.pop() {
                // SAFETY: every block of a class was allocated with exactly this layout and is in no one's hands.
                unsafe { dealloc(block.as_ptr(), class_layout(class)) };
            }
        }
    }
}

fn acquire_block(layout: Layout) -> NonNull<u8> {
    let class = size_class(layout);
    let pooled = class.and_then(|class| BLOCK_POOL.try_with(|pool| pool.borrow_mut().free[class].pop()).ok().flatten());
    pooled.unwrap_or_else(|| allocate(class.map_or(layout, class_layout)))
}

fn release_block(block: NonNull<u8>, layout: Layout) {
    let class = size_class(layout);
    let kept = class
        .is_some_and(|class| BLOCK_POOL.try_with(|pool| pool.borrow_mut().try_keep(class, block)).unwrap_or(false));
    if !kept && layout.size() > 0 {
        // SAFETY: `take_block` allocated the block with this layout, and no one else has it.
        unsafe { dealloc(block.as_ptr(), class.map_or(layout, class_layout)) };
    }
}

impl BlockPool {
    fn try_keep(&mut self, class: usize, block: NonNull<u8>) -> bool {
        let room = self.free[class].len < MAX_FREE_BLOCKS;
        if room {
            self.free[class].push(block);
        }
        room
    }
}

fn allocate(layout: Layout) -> NonNull<u8> {
    if layout.size() == 0 {
        return NonNull::without_provenance(layout.align().try_into().expect("an alignment is never 0"));
    }
    // SAFETY: the size is not 0.
    NonNull::new(unsafe { alloc(layout) }).unwrap_or_else(|| handle_alloc_error(layout))
}

/// The smallest class that holds `layout`; `None` for the empty, the large and the strangely aligned.
fn size_class(layout: Layout) -> Option<usize> {
    let fits =
        layout.size() > 0 && layout.size() <= CLASS_STEP_BYTES * CLASS_COUNT && layout.align() <= BLOCK_ALIGN_BYTES;
    fits.then(|| (layout.size() - 1) / CLASS_STEP_BYTES)
}

fn class_layout(class: usize) -> Layout {
    Layout::from_size_align(CLASS_STEP_BYTES * (class + 1), BLOCK_ALIGN_BYTES).expect("a small size")
}

/// Sizes are rounded up to a multiple of this: what is rounded, an idle user pays.
const CLASS_STEP_BYTES: usize = 64;
const BLOCK_ALIGN_BYTES: usize = 16;
/// Up to 4 KiB.
const CLASS_COUNT: usize = 64;
/// Per class; what a burst needed beyond that goes back to the allocator.
const MAX_FREE_BLOCKS: usize = 1024;

#[cfg(test)]
mod tests {
    use std::{cell::Cell, rc::Rc, task::Waker};

    use super::*;

    fn run<T>(mut future: PooledFuture<'_, T>) -> T {
        match Pin::new(&mut future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("not ready"),
        }
    }

    #[test]
    fn futures_of_all_sizes_run_and_drop_once() {
        struct Counted(Rc<Cell<u32>>);
        impl Drop for Counted {
            fn drop(&mut self) {
                self.0.set(self.0.get() + 1);
            }
        }
        let drops = Rc::new(Cell::new(0));
        assert_eq!(run(PooledFuture::new(|| std::future::ready(7))), 7);
        for _ in 0..3 {
            let held = Counted(Rc::clone(&drops));
            let small = run(PooledFuture::new(|| async move { size_of_val(&held) }));
            assert_eq!(small, 8);
            let held = [const { 0_u8 }; 20_000];
            assert_eq!(run(PooledFuture::new(|| async move { held.len() })), 20_000);
        }
        assert_eq!(drops.get(), 3);
        run(PooledFuture::new(|| async {}));
    }

    #[test]
    fn a_block_is_used_again() {
        let address = |future: &PooledFuture<'_, ()>| future.future.cast::<u8>();
        let data = [0_u64; 20];
        let first = PooledFuture::new(|| async move { _ = std::hint::black_box(data) });
        let place = address(&first);
        drop(first);
        let second = PooledFuture::new(|| async move { _ = std::hint::black_box(data) });
        assert_eq!(address(&second), place);
    }

    #[test]
    fn classes_cover_their_sizes() {
        for size in 1..=4096 {
            let class = size_class(Layout::from_size_align(size, 8).unwrap()).unwrap();
            assert!(class_layout(class).size() >= size && (class == 0 || class_layout(class - 1).size() < size));
        }
        assert_eq!(size_class(Layout::from_size_align(4097, 8).unwrap()), None);
    }
}
