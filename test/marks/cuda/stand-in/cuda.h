/*
 * As much of the CUDA driver's interface as marks/cuda and its stand-in of a driver (../fake.c) use, for machines
 * without CUDA's headers. Names and signatures are the driver's; values are not, and nothing built with this meets
 * a real driver. Where CUDA_HOME names real headers the tests are built with those.
 */
#ifndef STAND_IN_CUDA_H
#define STAND_IN_CUDA_H

#include <stddef.h>
#include <stdint.h>

#define CUDA_VERSION 13000

typedef enum {
  CUDA_SUCCESS,
  CUDA_ERROR_INVALID_VALUE,
  CUDA_ERROR_INVALID_PTX,
  CUDA_ERROR_JIT_COMPILATION_DISABLED,
  CUDA_ERROR_NOT_READY
} CUresult;
typedef int CUdevice;
typedef unsigned long long CUdeviceptr;
typedef uint32_t cuuint32_t;
typedef struct CUctx_st *CUcontext;
typedef struct CUmod_st *CUmodule;
typedef struct CUfunc_st *CUfunction;
typedef struct CUstream_st *CUstream;
typedef struct CUgraph_st *CUgraph;
typedef enum { CU_STREAM_CAPTURE_STATUS_NONE, CU_STREAM_CAPTURE_STATUS_ACTIVE } CUstreamCaptureStatus;
typedef enum { CU_STREAM_CAPTURE_MODE_GLOBAL, CU_STREAM_CAPTURE_MODE_RELAXED } CUstreamCaptureMode;
typedef struct {
  CUstream hStream;
} CUlaunchConfig;

#define CU_STREAM_PER_THREAD ((CUstream)2)
enum { CU_STREAM_NON_BLOCKING = 1, CU_MEMHOSTALLOC_DEVICEMAP, CU_STREAM_WAIT_VALUE_GEQ, CU_STREAM_WRITE_VALUE_DEFAULT };

CUresult cuCtxDestroy(CUcontext);
CUresult cuCtxGetDevice(CUdevice *);
CUresult cuCtxGetStreamPriorityRange(int *least, int *greatest);
CUresult cuCtxPopCurrent(CUcontext *);
CUresult cuCtxPushCurrent(CUcontext);
CUresult cuCtxSynchronize(void);
CUresult cuDeviceGetPCIBusId(char *, int, CUdevice);
CUresult cuLaunchKernel(CUfunction, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned shared_bytes,
                        CUstream, void **arguments, void **extra);
CUresult cuMemHostAlloc(void **, size_t, unsigned flags);
CUresult cuMemHostGetDevicePointer(CUdeviceptr *, void *, unsigned flags);
CUresult cuModuleGetFunction(CUfunction *, CUmodule, const char *);
CUresult cuModuleLoadData(CUmodule *, const void *);
CUresult cuStreamBeginCapture(CUstream, CUstreamCaptureMode);
CUresult cuStreamCreateWithPriority(CUstream *, unsigned flags, int priority);
CUresult cuStreamEndCapture(CUstream, CUgraph *);
CUresult cuStreamIsCapturing(CUstream, CUstreamCaptureStatus *);
CUresult cuStreamQuery(CUstream);
CUresult cuStreamWaitValue32(CUstream, CUdeviceptr, cuuint32_t, unsigned flags);
CUresult cuStreamWriteValue32(CUstream, CUdeviceptr, cuuint32_t, unsigned flags);
CUresult cuThreadExchangeStreamCaptureMode(CUstreamCaptureMode *);

#endif
