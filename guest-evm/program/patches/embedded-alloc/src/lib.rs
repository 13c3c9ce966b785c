//! The guest's allocator, a drop-in replacement for the crate `embedded-alloc`: a free list for each size
//! class. Memory that was never used is handed out once, upwards.
//!
//! OpenVM offers two allocators. One never frees, so a block with enough calls of the identity precompile
//! would exhaust the memory. The other is the linked list of `embedded-alloc`, which searches. Here, each
//! operation is a few instructions, and the block that was freed last is used first. Memory that a segment
//! has touched already adds nothing to the cost of its proof.
#![no_std]

use core::{
    alloc::{GlobalAlloc, Layout},
    cell::UnsafeCell,
    ptr::null_mut,
};

/// Alignment of every block, and divisor of its size, in bytes: the alignment of the VM's field elements.
const UNIT: usize = 32;
/// Largest size, in bytes, with a class for every multiple of [`UNIT`]. Above it there is a class for every
/// power of two.
const FINE: usize = 1024;
const FINE_CLASSES: usize = FINE / UNIT;
const CLASSES: usize = FINE_CLASSES + usize::BITS as usize;

/// The allocator. Nothing can be allocated before [`init`](Self::init).
pub struct LlffHeap(UnsafeCell<State>);

struct State {
    /// The first free block of each class. A free block begins with the address of the next.
    free: [*mut u8; CLASSES],
    /// The memory from `top` to `end` has never been handed out.
    top: usize,
    end: usize,
}

// SAFETY: the VM has one hart and no interrupts.
unsafe impl Sync for LlffHeap {}

/// Size class: its index among the free lists, and the size of its blocks, in bytes.
fn class(size: usize) -> (usize, usize) {
    if size <= FINE {
        let units = size.div_ceil(UNIT).max(1);
        (units - 1, units * UNIT)
    } else {
        // `Layout` bounds the size by isize::MAX, so the power is at most 2^31, which fits `usize`.
        let block = size.next_power_of_two();
        (FINE_CLASSES + block.trailing_zeros() as usize, block)
    }
}

impl LlffHeap {
    /// Makes an allocator without memory.
    #[must_use]
    pub const fn empty() -> Self {
        Self(UnsafeCell::new(State { free: [null_mut(); CLASSES], top: 0, end: 0 }))
    }

    /// Gives it `size` bytes from `start`.
    ///
    /// # Safety
    /// It must be called only once, before any allocation. The memory must belong to nobody else, be zero,
    /// and end where the VM's does, at 2^29.
    pub unsafe fn init(&self, start: usize, size: usize) {
        let state = &mut *self.0.get();
        state.top = start.next_multiple_of(UNIT);
        state.end = start + size;
    }

    /// Takes a block for the layout. Returns it with a flag that says whether it is fresh, which means zero.
    ///
    /// # Safety
    /// Same as [`GlobalAlloc::alloc`].
    unsafe fn take(&self, layout: Layout) -> (*mut u8, bool) {
        let state = &mut *self.0.get();
        let (index, size) = class(layout.size());
        if layout.align() <= UNIT {
            let block = state.free[index];
            if !block.is_null() {
                state.free[index] = *block.cast::<*mut u8>();
                return (block, false);
            }
        }
        // No overflow: the top is at most 2^29, and `Layout` bounds the alignment by 2^31. A block that does
        // not fit below the end is refused, and the caller ends the run (`handle_alloc_error`).
        let start = state.top.next_multiple_of(layout.align().max(UNIT));
        match start.checked_add(size) {
            Some(top) if top <= state.end => {
                state.top = top;
                (start as *mut u8, true)
            }
            _ => (null_mut(), false),
        }
    }
}

// SAFETY: blocks are disjoint, have at least the layout's size, and have its alignment. For the top only
// grows, and a free list only has blocks of its class's size. A layout that needs a larger alignment than all
// blocks have is never served from a free list. A block's layout always belongs to the block's class:
// `realloc` keeps a block only if the class stays the same, or if the block grows to the new class's size.
// Memory that was never handed out is zero, because the VM's memory begins as zeros and nobody else writes
// there.
unsafe impl GlobalAlloc for LlffHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.take(layout).0
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let state = &mut *self.0.get();
        let (index, _) = class(layout.size());
        *block.cast::<*mut u8>() = state.free[index];
        state.free[index] = block;
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let (block, fresh) = self.take(layout);
        if !block.is_null() && !fresh {
            block.write_bytes(0, layout.size());
        }
        block
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let (_, size) = class(layout.size());
        let (_, wanted) = class(new_size);
        if wanted == size {
            return block;
        }
        let state = &mut *self.0.get();
        // The block just below the top grows in place.
        if wanted > size && block as usize + size == state.top {
            if let Some(top) = (block as usize).checked_add(wanted).filter(|&top| top <= state.end) {
                state.top = top;
                return block;
            }
        }
        let new = self.alloc(Layout::from_size_align_unchecked(new_size, layout.align()));
        if !new.is_null() {
            core::ptr::copy_nonoverlapping(block, new, layout.size().min(new_size));
            self.dealloc(block, layout);
        }
        new
    }
}
