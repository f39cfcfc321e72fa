"""Reports on model runs and studies: what they hold, files of them, and the job that makes one."""
