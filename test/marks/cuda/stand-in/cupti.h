/* As much of CUPTI's interface as marks/cuda and ../fake.c use; see cuda.h beside it. */
#ifndef STAND_IN_CUPTI_H
#define STAND_IN_CUPTI_H

#include "cuda.h"

#define CUPTIAPI
#define CUPTI_API_VERSION 130000

typedef enum {
  CUPTI_SUCCESS,
  CUPTI_ERROR_MAX_LIMIT_REACHED,
  CUPTI_ERROR_MULTIPLE_SUBSCRIBERS_NOT_SUPPORTED
} CUptiResult;

/* ---- Callbacks */

typedef void *CUpti_SubscriberHandle;
typedef enum { CUPTI_CB_DOMAIN_DRIVER_API = 1, CUPTI_CB_DOMAIN_RESOURCE } CUpti_CallbackDomain;
typedef uint32_t CUpti_CallbackId;
typedef enum { CUPTI_API_ENTER, CUPTI_API_EXIT } CUpti_ApiCallbackSite;
enum { CUPTI_CBID_RESOURCE_CONTEXT_DESTROY_STARTING = 1 };
enum {
  CUPTI_DRIVER_TRACE_CBID_cuLaunch = 1,
  CUPTI_DRIVER_TRACE_CBID_cuLaunchGrid,
  CUPTI_DRIVER_TRACE_CBID_cuLaunchGridAsync,
  CUPTI_DRIVER_TRACE_CBID_cuLaunchKernel,
  CUPTI_DRIVER_TRACE_CBID_cuLaunchKernel_ptsz,
  CUPTI_DRIVER_TRACE_CBID_cuLaunchKernelEx,
  CUPTI_DRIVER_TRACE_CBID_cuLaunchKernelEx_ptsz,
  CUPTI_DRIVER_TRACE_CBID_cuLaunchCooperativeKernel,
  CUPTI_DRIVER_TRACE_CBID_cuLaunchCooperativeKernel_ptsz,
  CUPTI_DRIVER_TRACE_CBID_cuLaunchCooperativeKernelMultiDevice,
  CUPTI_DRIVER_TRACE_CBID_cuGraphLaunch,
  CUPTI_DRIVER_TRACE_CBID_cuGraphLaunch_ptsz,
  CUPTI_DRIVER_TRACE_CBID_cuCtxSynchronize,
  CUPTI_DRIVER_TRACE_CBID_cuStreamSynchronize,
  CUPTI_DRIVER_TRACE_CBID_cuStreamSynchronize_ptsz,
  CUPTI_DRIVER_TRACE_CBID_cuEventSynchronize,
  CUPTI_DRIVER_TRACE_CBID_cuStreamBeginCapture,
  CUPTI_DRIVER_TRACE_CBID_cuStreamBeginCapture_ptsz,
  CUPTI_DRIVER_TRACE_CBID_cuStreamBeginCapture_v2,
  CUPTI_DRIVER_TRACE_CBID_cuStreamBeginCapture_v2_ptsz,
  CUPTI_DRIVER_TRACE_CBID_cuStreamBeginCaptureToGraph,
  CUPTI_DRIVER_TRACE_CBID_cuStreamBeginCaptureToGraph_ptsz,
  CUPTI_DRIVER_TRACE_CBID_SIZE
};
typedef struct {
  CUpti_ApiCallbackSite callbackSite;
  const char *functionName;
  const void *functionParams;
  const char *symbolName;
  CUcontext context;
  uint32_t correlationId;
} CUpti_CallbackData;
typedef struct {
  CUcontext context;
} CUpti_ResourceData;
typedef struct {
  CUstream hStream;
} cuLaunchKernel_params, cuLaunchCooperativeKernel_params, cuGraphLaunch_params;
typedef struct {
  const CUlaunchConfig *config;
} cuLaunchKernelEx_params;
typedef void (*CUpti_CallbackFunc)(void *, CUpti_CallbackDomain, CUpti_CallbackId, const void *);
CUptiResult cuptiSubscribe(CUpti_SubscriberHandle *, CUpti_CallbackFunc, void *);
CUptiResult cuptiEnableCallback(uint32_t on, CUpti_SubscriberHandle, CUpti_CallbackDomain, CUpti_CallbackId);

/* ---- Records */

typedef enum { CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL = 1, CUPTI_ACTIVITY_KIND_MARKER } CUpti_ActivityKind;
enum {
  CUPTI_ACTIVITY_FLAG_MARKER_INSTANTANEOUS = 1,
  CUPTI_ACTIVITY_FLAG_MARKER_START = 2,
  CUPTI_ACTIVITY_FLAG_MARKER_END = 4,
  CUPTI_ACTIVITY_FLAG_FLUSH_FORCED = 1
};
typedef struct {
  CUpti_ActivityKind kind;
} CUpti_Activity;
typedef struct {
  CUpti_ActivityKind kind;
  uint32_t deviceId, streamId, correlationId, graphId;
  int32_t gridX, gridY, gridZ, blockX, blockY, blockZ;
  uint64_t start, end;
  const char *name;
} CUpti_ActivityKernel1;
typedef struct {
  CUpti_ActivityKind kind;
  uint32_t flags, id;
  uint64_t timestamp;
  const char *name;
} CUpti_ActivityMarker1;
typedef uint64_t (*CUpti_TimestampCallbackFunc)(void);
typedef void (*CUpti_BuffersCallbackRequestFunc)(uint8_t **, size_t *, size_t *);
typedef void (*CUpti_BuffersCallbackCompleteFunc)(CUcontext, uint32_t, uint8_t *, size_t, size_t);
CUptiResult cuptiActivityDisable(CUpti_ActivityKind);
CUptiResult cuptiActivityEnable(CUpti_ActivityKind);
CUptiResult cuptiActivityFlushAll(uint32_t);
CUptiResult cuptiActivityGetNextRecord(uint8_t *, size_t, CUpti_Activity **);
CUptiResult cuptiActivityGetNumDroppedRecords(CUcontext, uint32_t, size_t *);
CUptiResult cuptiActivityRegisterCallbacks(CUpti_BuffersCallbackRequestFunc, CUpti_BuffersCallbackCompleteFunc);
CUptiResult cuptiActivityRegisterTimestampCallback(CUpti_TimestampCallbackFunc);
CUptiResult cuptiGetResultString(CUptiResult, const char **);
CUptiResult cuptiGetVersion(uint32_t *);

#endif
