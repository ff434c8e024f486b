/*
 * The stages of one request to llama.cpp, marked around its C interface.
 *
 *   cc -O2 -Imarks/c -ILLAMA/include -ILLAMA/ggml/include examples/marks/llama_marks.c -LLLAMA/build/bin -lllama
 *   truejoule record --rig … -- ./a.out model.gguf "Once upon a time"
 *
 * llama_decode may return while the GPU still works; llama_synchronize makes the span hold the work.
 * Without llama.h on the include path a stand-in takes the time: not run with llama.cpp here.
 */
#include "truejoule.h"

#include <stdio.h>

enum { NEW_TOKENS = 32 };

#if defined(__has_include)
#if __has_include("llama.h")
#define HAVE_LLAMA 1
#endif
#endif

#ifdef HAVE_LLAMA
#include "llama.h"

struct engine {
  struct llama_model *model;
  struct llama_context *context;
  struct llama_sampler *sampler;
  llama_token tokens[4096], next;
  int prompt_tokens;
};

static int engine_open(struct engine *e, const char *path) {
  e->model = llama_model_load_from_file(path, llama_model_default_params());
  if (!e->model) return 0;
  struct llama_context_params p = llama_context_default_params();
  p.n_ctx = p.n_batch = 4096;
  e->context = llama_init_from_model(e->model, p);
  e->sampler = llama_sampler_init_greedy();
  return e->context != NULL;
}

static int engine_tokenize(struct engine *e, const char *prompt) {
  const struct llama_vocab *vocab = llama_model_get_vocab(e->model);
  e->prompt_tokens = llama_tokenize(vocab, prompt, (int32_t)strlen(prompt), e->tokens, 4096 - NEW_TOKENS, true, true);
  return e->prompt_tokens;
}

static int forward(struct engine *e, llama_token *tokens, int n) {
  if (llama_decode(e->context, llama_batch_get_one(tokens, n))) return 0;
  llama_synchronize(e->context);
  e->next = llama_sampler_sample(e->sampler, e->context, -1);
  return 1;
}
static int engine_prefill(struct engine *e) { return forward(e, e->tokens, e->prompt_tokens); }
static int engine_decode(struct engine *e) {
  llama_token token = e->next;
  return forward(e, &token, 1);
}
#else
struct engine {
  int prompt_tokens;
};
static int engine_open(struct engine *e, const char *path) {
  (void)path;
  e->prompt_tokens = 0;
  puts("no llama.h here: a stand-in takes the time");
  return 1;
}
static int engine_tokenize(struct engine *e, const char *prompt) {
  return e->prompt_tokens = (int)strlen(prompt) / 4 + 1;
}
static int engine_prefill(struct engine *e) { return usleep((useconds_t)e->prompt_tokens * 100) == 0; }
static int engine_decode(struct engine *e) { return usleep(e->prompt_tokens ? 200 : 100) == 0; }
#endif

static int serve(struct engine *e, const char *prompt) {
  tj_mark("server_recv");
  int n = engine_tokenize(e, prompt);
  TJ_MARK("enqueue", tj_int("prompt_tokens", n));
  tj_mark("dequeue");
  TJ_MARK("prefill_start", tj_int("batch_size", 1), tj_int("prompt_tokens", n));
  uint64_t prefill = TJ_BEGIN("prefill", tj_int("batch_size", 1), tj_int("tokens", n));
  int ok = n > 0 && engine_prefill(e);
  TJ_END("prefill", prefill, tj_bool("ok", ok));
  if (!ok) return 0;
  tj_mark("first_token");
  TJ_MARK("decode_loop_start", tj_int("batch_size", 1));
  uint64_t decode = TJ_BEGIN("decode", tj_int("batch_size", 1));
  int tokens = 0;
  while (tokens < NEW_TOKENS && engine_decode(e)) tokens++;
  TJ_END("decode", decode, tj_int("tokens", tokens));
  return tokens == NEW_TOKENS;
}

int main(int argc, char **argv) {
  static struct engine e;
  if (!engine_open(&e, argc > 1 ? argv[1] : "model.gguf")) {
    fprintf(stderr, "cannot load %s\n", argc > 1 ? argv[1] : "model.gguf");
    return 1;
  }
  return serve(&e, argc > 2 ? argv[2] : "Once upon a time") ? 0 : 1;
}
