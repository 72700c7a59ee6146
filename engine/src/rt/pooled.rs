//! A boxed future in memory from a pool of its thread. Dropping the future returns the memory to the pool.
//!
//! Tasks and requests are futures of types that the engine does not know, so they must be boxed. A `Box` would cost an
//! allocation per request. Each thread pools blocks of a few sizes instead. Larger futures use the allocator.

use std::{
    alloc::{Layout, alloc, dealloc, handle_alloc_error},
    cell::RefCell,
    future::Future,
    mem,
    pin::Pin,
    ptr::NonNull,
    task::{Context, Poll},
};

/// An owned future in pooled memory. It cannot be sent to another thread.
pub struct PooledFuture<'a, T> {
    future: NonNull<dyn Future<Output = T> + 'a>,
}

impl<'a, T> PooledFuture<'a, T> {
    /// Creates a future in pooled memory.
    ///
    /// `make` is called only after the memory is acquired, so that the compiler can construct the future in place. A
    /// future that exists earlier must be copied with all the bytes that it will ever need, because acquiring the
    /// memory might fail and drop the future.
    #[inline(always)]
    pub(crate) fn new<F: Future<Output = T> + 'a>(make: impl FnOnce() -> F) -> Self {
        let layout = Layout::new::<F>();
        let guard = BlockGuard { block: acquire_block(layout), layout };
        let future = guard.block.cast::<F>();
        // SAFETY: `acquire_block` returns exclusive memory that fits `layout`, which is the layout of F.
        unsafe { future.write(make()) };
        mem::forget(guard);
        Self { future }
    }
}

impl<T> Future for PooledFuture<'_, T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        // SAFETY: the future stays in its block until Drop and is never moved out of the block, so the pin holds.
        unsafe { Pin::new_unchecked(self.future.as_mut()) }.poll(cx)
    }
}

// The future is behind a pointer, so moving this handle does not move the future.
impl<T> Unpin for PooledFuture<'_, T> {}

impl<T> Drop for PooledFuture<'_, T> {
    fn drop(&mut self) {
        // SAFETY: the future was written by `new` and is not dropped before `drop_in_place` below.
        let layout = Layout::for_value(unsafe { self.future.as_ref() });
        let block = BlockGuard { block: self.future.cast(), layout };
        // SAFETY: the future is dropped only here. The guard releases the block afterwards, even if the drop panics.
        unsafe { self.future.drop_in_place() };
        drop(block);
    }
}

/// Releases a block when dropped.
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
    static BLOCK_POOL: RefCell<BlockPool> =
        const { RefCell::new(BlockPool { free: [const { FreeList { top: None, len: 0 } }; CLASS_COUNT] }) };
}

/// The free blocks of one thread, one list per size class.
struct BlockPool {
    free: [FreeList; CLASS_COUNT],
}

/// The free blocks of one class as a linked list. The first bytes of a block hold the pointer to the next block.
struct FreeList {
    top: Option<NonNull<u8>>,
    len: usize,
}

impl FreeList {
    fn push(&mut self, block: NonNull<u8>) {
        // SAFETY: a free block has no other owner, is aligned for a pointer, and is at least as large as a pointer.
        unsafe { block.cast().write(self.top) };
        self.top = Some(block);
        self.len += 1;
    }

    fn pop(&mut self) -> Option<NonNull<u8>> {
        let block = self.top?;
        // SAFETY: `push` wrote the pointer, and the block has had no other owner since.
        self.top = unsafe { block.cast().read() };
        self.len -= 1;
        Some(block)
    }
}

impl Drop for BlockPool {
    fn drop(&mut self) {
        for (class, blocks) in self.free.iter_mut().enumerate() {
            while let Some(block) = blocks.pop() {
                // SAFETY: each block of a class was allocated with exactly this layout, and a free block is not in use.
                unsafe { dealloc(block.as_ptr(), class_layout(class)) };
            }
        }
    }
}

/// Takes a block for `layout` from the pool, or from the allocator if the pool has none.
fn acquire_block(layout: Layout) -> NonNull<u8> {
    let class = size_class(layout);
    let pooled = class.and_then(|class| BLOCK_POOL.try_with(|pool| pool.borrow_mut().free[class].pop()).ok().flatten());
    pooled.unwrap_or_else(|| allocate(class.map_or(layout, class_layout)))
}

/// Returns a block to the pool, or to the allocator if the pool is full or the thread is ending.
fn release_block(block: NonNull<u8>, layout: Layout) {
    let class = size_class(layout);
    let is_kept = class
        .is_some_and(|class| BLOCK_POOL.try_with(|pool| pool.borrow_mut().try_keep(class, block)).unwrap_or(false));
    if !is_kept && layout.size() > 0 {
        // SAFETY: `acquire_block` allocated the block with this layout, and the block has no other owner.
        unsafe { dealloc(block.as_ptr(), class.map_or(layout, class_layout)) };
    }
}

impl BlockPool {
    /// Adds a block to the free list of its class. Returns `false` if the list is full.
    fn try_keep(&mut self, class: usize, block: NonNull<u8>) -> bool {
        let has_room = self.free[class].len < MAX_FREE_BLOCKS;
        if has_room {
            self.free[class].push(block);
        }
        has_room
    }
}

fn allocate(layout: Layout) -> NonNull<u8> {
    if layout.size() == 0 {
        return NonNull::without_provenance(layout.align().try_into().expect("alignment is 0"));
    }
    // SAFETY: the size is not 0.
    NonNull::new(unsafe { alloc(layout) }).unwrap_or_else(|| handle_alloc_error(layout))
}

/// Returns the smallest size class that fits `layout`. Returns `None` if the layout is empty, or its size or
/// alignment is larger than the pool's.
fn size_class(layout: Layout) -> Option<usize> {
    let fits =
        layout.size() > 0 && layout.size() <= CLASS_STEP_BYTES * CLASS_COUNT && layout.align() <= BLOCK_ALIGN_BYTES;
    fits.then(|| (layout.size() - 1) / CLASS_STEP_BYTES)
}

fn class_layout(class: usize) -> Layout {
    Layout::from_size_align(CLASS_STEP_BYTES * (class + 1), BLOCK_ALIGN_BYTES).expect("block layout is invalid")
}

/// Block sizes are multiples of this. Each idle user pays for the bytes that are rounded up.
const CLASS_STEP_BYTES: usize = 64;
/// Alignment of all blocks, and the maximum alignment of a pooled future.
const BLOCK_ALIGN_BYTES: usize = 16;
/// Number of size classes. The largest block has 4 KiB.
const CLASS_COUNT: usize = 64;
/// Maximum number of free blocks per class. Blocks beyond the limit, as after a burst, return to the allocator.
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
    fn released_block_is_reused() {
        let address = |future: &PooledFuture<'_, ()>| future.future.cast::<u8>();
        let data = [0_u64; 20];
        let first = PooledFuture::new(|| async move { _ = std::hint::black_box(data) });
        let block = address(&first);
        drop(first);
        let second = PooledFuture::new(|| async move { _ = std::hint::black_box(data) });
        assert_eq!(address(&second), block);
    }

    #[test]
    fn size_class_is_the_smallest_that_fits() {
        for size in 1..=4096 {
            let class = size_class(Layout::from_size_align(size, 8).unwrap()).unwrap();
            assert!(class_layout(class).size() >= size && (class == 0 || class_layout(class - 1).size() < size));
        }
        assert_eq!(size_class(Layout::from_size_align(4097, 8).unwrap()), None);
    }
}
