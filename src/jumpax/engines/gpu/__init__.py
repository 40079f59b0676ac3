"""One path per thread of an NVIDIA GPU, the whole loop over time in one kernel."""

from jumpax.engines.gpu.device import CudaDevice as CudaDevice
from jumpax.engines.gpu.device import HostDevice as HostDevice
from jumpax.engines.gpu.device import cuda_trouble as cuda_trouble
from jumpax.engines.gpu.engine import Gpu as Gpu
from jumpax.engines.gpu.engine import on_host as on_host
