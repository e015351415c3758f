"""Medical images: DICOM series and volume files, with their place in the patient."""
