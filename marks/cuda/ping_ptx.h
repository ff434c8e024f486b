/* The ping kernel, for the driver to compile: one thread that answers each request with the GPU's clock.
 *
 *   page + 0       u32  request, written by the host: 1, 2, …
 *   page + 64, 72  u64  GPU clock at the first and the last instruction
 *   page + 128 + 8 (i − 1)  u64  GPU clock when request i was seen
 *
 * Each answer is one 8-byte store that is also its own signal, so no fence delays it. The clock is read
 * behind the branch that saw the request, hence after it. After 16,384 looks in all (some 20 ms over PCIe; a
 * burst takes a few hundred) the kernel ends: a stopped or preempted program must not hold the GPU.
 */
static const char tjc_ping_ptx[] =
    ".version 6.4\n"
    ".target sm_70\n"
    ".address_size 64\n"
    ".visible .entry truejoule_ping(.param .u64 page, .param .u32 count)\n"
    "{\n"
    "  .reg .pred %p<4>;\n"
    "  .reg .b32 %r<5>;\n"
    "  .reg .b64 %rd<7>;\n"
    "  mov.u64 %rd1, %globaltimer;\n"
    "  ld.param.u64 %rd2, [page];\n"
    "  ld.param.u32 %r1, [count];\n"
    "  st.relaxed.sys.global.u64 [%rd2+64], %rd1;\n"
    "  mov.u32 %r2, 0;\n"
    "  mov.u32 %r3, 0;\n"
    "next:\n"
    "  add.u32 %r2, %r2, 1;\n"
    "  setp.gt.u32 %p1, %r2, %r1;\n"
    "  @%p1 bra done;\n"
    "look:\n"
    "  ld.relaxed.sys.global.u32 %r4, [%rd2];\n"
    "  setp.ge.u32 %p2, %r4, %r2;\n"
    "  @%p2 bra answer;\n"
    "  add.u32 %r3, %r3, 1;\n"
    "  setp.lt.u32 %p3, %r3, 16384;\n"
    "  @%p3 bra look;\n"
    "  bra done;\n"
    "answer:\n"
    "  mov.u64 %rd3, %globaltimer;\n"
    "  mul.wide.u32 %rd4, %r2, 8;\n"
    "  add.s64 %rd5, %rd2, %rd4;\n"
    "  st.relaxed.sys.global.u64 [%rd5+120], %rd3;\n"
    "  bra next;\n"
    "done:\n"
    "  mov.u64 %rd6, %globaltimer;\n"
    "  st.relaxed.sys.global.u64 [%rd2+72], %rd6;\n"
    "  ret;\n"
    "}\n";
